/**
 * The driver in the agent that a user runs: packed, added, named in a configuration, before the embedded Fusion. Objects come and
 * go at random, and the agent is killed with SIGKILL in each phase. In the end the view is what the bucket holds.
 */
import { execFile } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { afterAll, afterEach, beforeAll, expect, onTestFinished, test } from "vitest";
import { agentHome, type CliProcess, cli, folder, run } from "../../../test/e2e/cli-process.ts";
import { killChildren } from "../../../test/support/child-process.ts";
import { createEmbeddedFusion } from "../../../test/support/embedded-fusion.ts";
import type { FusionProcess } from "../../../test/support/fusion-process.ts";
import { removeTempFolders } from "../../../test/support/temp-tree.ts";
import { lasting, waitFor } from "../../../test/support/wait-for.ts";
import { expectedView } from "./paths.ts";
import { ACCESS, type Bucket, Front, S3Server, SECRET } from "./s3-server.ts";

const PACKAGE = resolve(import.meta.dirname, "..");
const ENV = {
  AWS_ACCESS_KEY_ID: ACCESS,
  AWS_SECRET_ACCESS_KEY: SECRET,
  npm_config_prefer_offline: "true",
  npm_config_update_notifier: "false",
};
const seed = Number(process.env.FUSTOR_TEST_SEED ?? Date.now() % 1e9);

let server: S3Server;
beforeAll(async () => {
  server = await S3Server.start();
});
afterAll(() => server?.end());
afterEach(async () => {
  await killChildren();
  removeTempFolders();
});

const NAMES = ["a", "b", "c/", "‛", "..", "", "é 𝄞", "x\u0001y"];

/** Puts and deletes objects whose keys meet each other: objects that are prefixes, markers, empty segments. */
class Writer {
  readonly #bucket: Bucket;
  #isOver = false;
  #state = seed;
  steps = 0;
  readonly done: Promise<void>;

  constructor(bucket: Bucket) {
    this.#bucket = bucket;
    this.done = this.#write();
  }

  #random(below: number): number {
    this.#state = (this.#state * 1_103_515_245 + 12_345) % 2_147_483_648;
    return Math.floor((this.#state / 2_147_483_648) * below);
  }

  #key(): string {
    const parts = Array.from({ length: 1 + this.#random(3) }, () => NAMES[this.#random(NAMES.length)] ?? "");
    return `w/${parts.join("/")}`;
  }

  async #write(): Promise<void> {
    while (!this.#isOver) {
      const keys = [...this.#bucket.objects.keys()];
      if (this.#random(5) < 2) await this.#bucket.remove(keys[this.#random(keys.length)] ?? "");
      else await this.#bucket.put(this.#key(), "x".repeat(1 + this.#random(9)));
      this.steps++;
      await lasting(20, "the pace of the writer");
    }
  }

  async stop(): Promise<void> {
    this.#isOver = true;
    await this.done;
  }
}

async function differences({ view }: FusionProcess, { objects }: Bucket): Promise<string[]> {
  const reading = await view.readTree();
  if (reading.state !== "open") return [`the view is ${reading.state}`];
  const shown = new Map([...reading.tree].map(([path, { kind, size }]) => [path, kind === "directory" ? kind : size]));
  const wanted = expectedView(objects);
  return [...new Set([...shown.keys(), ...wanted.keys()])]
    .filter((path) => path !== "/" && shown.get(path) !== wanted.get(path))
    .map((path) => `${JSON.stringify(path)} is ${shown.get(path)}, not ${wanted.get(path)}`);
}

async function addDriver(home: string): Promise<void> {
  const work = await folder();
  const args = ["pack", PACKAGE, "--silent", "--ignore-scripts", `--pack-destination=${work}`];
  const { stdout } = await promisify(execFile)("npm", args, { cwd: work });
  const added = await run(["drivers", "add", join(work, stdout.trim().split("\n").at(-1) ?? "")], { home, env: ENV });
  expect(added).toMatchObject({ code: 0, stdout: expect.stringContaining("driver: s3") });
}

test("packed, added and killed in each phase, the agent shows what the bucket holds", async () => {
  const home = await agentHome();
  const [bucket, fusion] = [await server.bucket(), await createEmbeddedFusion()];
  await Promise.all([
    addDriver(home),
    fusion.start(),
    bucket.putAll(Array.from({ length: 300 }, (_, at) => `w/${at % 9}/${at}`)),
  ]);
  const front = await Front.before(server.url);
  onTestFinished(() => front.close());
  const { url, pushKey } = fusion.receiver;
  const config = {
    sources: { s: { driver: "s3", uri: bucket.uri, driver_params: { endpoint: front.url, interval_sec: 0.3 } } },
    senders: { f: { driver: "fusion", uri: url, credential: { key: pushKey } } },
    pipes: { p: { source: "s", sender: "f" } },
  };
  writeFileSync(join(home, "agent-config.yaml"), JSON.stringify(config), { mode: 0o600 });
  expect(await run(["validate"], { home, env: ENV })).toMatchObject({ code: 0 });

  let paging = 0;
  front.rule = (query) => {
    query.set("max-keys", "50");
    if (query.has("continuation-token")) paging++;
    return undefined;
  };
  const writer = new Writer(bucket);
  onTestFinished(() => writer.stop());
  const start = (): CliProcess => {
    front.listings = 0;
    paging = 0;
    return cli(["start"], { home, env: ENV });
  };
  const killAt = async (what: string, holds: () => boolean | Promise<boolean>): Promise<void> => {
    const agent = start();
    const said = (): string => `seed ${seed}, ${what}: ${agent.stdout}${agent.stderr}`.slice(-3_000);
    await waitFor(holds, { timeoutMs: 20_000, intervalMs: 2, what: said });
    agent.child.kill("SIGKILL");
    await agent.ended;
  };
  const shows = (what: string): Promise<true> => {
    let last: string[] = [];
    const isSame = async (): Promise<boolean> => {
      last = await differences(fusion, bucket);
      return last.length === 0;
    };
    return waitFor(isSame, {
      timeoutMs: 30_000,
      what: () => `seed ${seed}, ${what}: ${last.slice(0, 8).join("; ")}`,
    });
  };
  const changed = (): (() => boolean) => {
    const from = writer.steps;
    return () => writer.steps > from + 40;
  };

  await killAt("in the first listing", () => paging > 0);
  await killAt("in the snapshot", async () => paging > 3 && (await fusion.view.sessions().catch(() => [])).length > 0);
  const steady = changed();
  await killAt("in steady state", async () => steady() && (await fusion.view.readTree()).state === "open");
  await killAt("in a later listing", () => front.listings > 12 && paging > 3);
  const last = start();
  const more = changed();
  await waitFor(more, { timeoutMs: 20_000, what: "more changes" });
  await writer.stop();
  await shows("after the last start");

  expect(await run(["stop"], { home })).toMatchObject({ code: 0 });
  await last.ended;
  for (const key of [...bucket.objects.keys()].slice(0, 20)) await bucket.remove(key);
  start();
  await shows("after deletes while no agent ran");
  expect(front.unsigned).toEqual([]);
  const log = readFileSync(join(home, "fustor_agent.log"), "utf8");
  expect(log).not.toContain(SECRET);
  expect(log.match(/FUSTOR_DRIVER_DEFECT/g) ?? []).toEqual([]);
});
