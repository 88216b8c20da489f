/**
 * The driver in the agent that a user runs: packed, added, named in a configuration; and the agent is killed with SIGKILL
 * in each phase while a writer works. In the end the receiver holds what the table holds.
 */
import { execFile } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { expect, onTestFinished, test } from "vitest";
import { agentHome, type CliProcess, cli, folder, run } from "../../../test/e2e/cli-process.ts";
import { PATIENCE } from "../../../test/support/patience.ts";
import { startRecordingReceiver } from "../../../test/support/recording-receiver.ts";
import { lasting, waitFor } from "../../../test/support/wait-for.ts";
import { type Database, type MariadbServer, SECRET, USER } from "./mariadb-server.ts";

/** Above the sum of what the test waits for: each wait says by itself what it waited for in vain. */
const BOUND_MS = 180_000;
const PACKAGE = resolve(import.meta.dirname, "..");
const ENV = { TEST_PASSWORD: SECRET, npm_config_prefer_offline: "true", npm_config_update_notifier: "false" };
const seed = Number(process.env.FUSTOR_TEST_SEED ?? Date.now() % 1e9);

/** Random changes of a few keys, each with a number that grows; some transactions are rolled back. */
class Writer {
  readonly #database: Database;
  #isOver = false;
  #state = seed;
  #number = 0;
  readonly done: Promise<void>;

  constructor(database: Database) {
    this.#database = database;
    this.done = this.#write();
  }

  #random(below: number): number {
    this.#state = (this.#state * 1_103_515_245 + 12_345) % 2_147_483_648;
    return Math.floor((this.#state / 2_147_483_648) * below);
  }

  async #write(): Promise<void> {
    while (!this.#isOver) {
      const statements = Array.from({ length: 1 + this.#random(5) }, () => this.#statement());
      const end = this.#random(5) === 0 ? "ROLLBACK" : "COMMIT";
      await this.#database.sql(`BEGIN; ${statements.join("; ")}; ${end}`);
      await lasting(2, "the pace of the writer");
    }
  }

  #statement(): string {
    const id = this.#random(300);
    const upsert = `INSERT INTO things VALUES (${id}, ${++this.#number}, 'x') ON DUPLICATE KEY UPDATE n = VALUES(n)`;
    return this.#random(3) === 0 ? `DELETE FROM things WHERE id = ${id}` : upsert;
  }

  async stop(): Promise<void> {
    this.#isOver = true;
    await this.done;
  }
}

interface Event {
  readonly event_type: string;
  readonly table: string;
  readonly rows: readonly { readonly path: string; readonly n?: number; readonly v?: string }[];
}

/** What a receiver that believes everything holds, and what came in a wrong order. */
class Picture {
  readonly held = new Map<string, number>();
  readonly wrong: string[] = [];
  snapshotRows = 0;
  realtimeRows = 0;
  snapshotsEnded = 0;
  #live = new Map<string, number>();

  /** A new run may say again what was not acknowledged. */
  begin(): void {
    this.#live = new Map();
    this.snapshotRows = 0;
    this.realtimeRows = 0;
    this.snapshotsEnded = 0;
  }

  take(body: Readonly<Record<string, unknown>>): void {
    const isLive = body.source_type === "message";
    if (body.is_snapshot_end === true) this.snapshotsEnded++;
    for (const { event_type: type, rows } of body.events as readonly Event[]) {
      for (const row of rows) this.#row(type, row, isLive);
    }
  }

  #row(type: string, { path, n = -1, v }: Event["rows"][number], isLive: boolean): void {
    if (isLive) this.realtimeRows++;
    else this.snapshotRows++;
    if (type === "delete") {
      this.held.delete(path);
      return;
    }
    const live = this.#live.get(path) ?? -1;
    if (n < live) this.wrong.push(`${path}: ${n} after ${live}`);
    if (v !== "x") this.wrong.push(`${path} lacks a column`);
    if (isLive) this.#live.set(path, n);
    this.held.set(path, n);
  }
}

export async function killsInEachPhase(server: () => MariadbServer): Promise<void> {
  const [home, work] = [await agentHome(), await folder()];
  const database = await server().database(`
    CREATE TABLE things (id int PRIMARY KEY, n int NOT NULL, v text NOT NULL);
    INSERT INTO things SELECT seq, -1, 'x' FROM seq_1000_to_9000;`);
  onTestFinished(() => database.close());
  const { stdout: packed } = await promisify(execFile)(
    "npm",
    ["pack", PACKAGE, "--silent", "--ignore-scripts", `--pack-destination=${work}`],
    {
      cwd: work,
    },
  );
  const added = await run(["drivers", "add", join(work, packed.trim().split("\n").at(-1) ?? "")], { home, env: ENV });
  expect(added).toMatchObject({ code: 0, stdout: expect.stringContaining("driver: mysql") });

  const receiver = await startRecordingReceiver();
  onTestFinished(() => receiver.close());
  const picture = new Picture();
  let delayMs = 0;
  receiver.always("ingest", (request) => {
    picture.take(request.json());
    return { kind: "answer", body: { status: "ok", count: 0 }, delayMs };
  });
  const config = {
    sources: {
      shop: {
        driver: "mysql",
        uri: database.uri,
        // biome-ignore lint/suspicious/noTemplateCurlyInString: the agent replaces it
        credential: { user: USER, passwd: "${env:TEST_PASSWORD}" },
      },
    },
    senders: { f: { driver: "fusion", uri: receiver.url, credential: { key: "key-of-the-test" } } },
    pipes: { p: { source: "shop", sender: "f" } },
  };
  writeFileSync(join(home, "agent-config.yaml"), JSON.stringify(config), { mode: 0o600 });
  expect(await run(["validate"], { home, env: ENV })).toMatchObject({ code: 0 });

  const writer = new Writer(database);
  onTestFinished(() => writer.stop());
  const start = (): CliProcess => {
    picture.begin();
    return cli(["start"], { home, env: ENV });
  };
  const killAt = async (what: string, holds: () => boolean): Promise<void> => {
    const agent = start();
    const said = (): string => `${what}: ${JSON.stringify(picture)}\n${agent.stdout}${agent.stderr}`.slice(-3_000);
    await waitFor(holds, { timeoutMs: 20_000, intervalMs: 1, what: said });
    agent.child.kill("SIGKILL");
    await agent.ended;
  };
  delayMs = 100;
  await killAt("in the snapshot", () => picture.snapshotRows > 0);
  await killAt("where both meet", () => picture.realtimeRows > 0 && picture.snapshotRows > 500);
  delayMs = 0;
  await killAt("in realtime", () => picture.snapshotsEnded > 0 && picture.realtimeRows > 100);
  const last = start();
  await waitFor(() => picture.snapshotsEnded > 0 && picture.realtimeRows > 100, {
    timeoutMs: 20_000,
    what: "the last run",
  });
  await writer.stop();
  const rows = await database.sql<{ id: number; n: number }>("SELECT id, n FROM things");
  const table = Object.fromEntries(rows.map(({ id, n }) => [`/things/${id}`, n]));
  const differences = (): string[] =>
    [...new Set([...picture.held.keys(), ...Object.keys(table)])].filter((key) => picture.held.get(key) !== table[key]);
  await waitFor(() => differences().length === 0, {
    timeoutMs: 20_000,
    what: () => `seed ${seed}: ${differences().length} keys differ, among them ${differences().slice(0, 5).join(", ")}`,
  });
  expect(picture.wrong).toEqual([]);
  expect(await run(["stop"], { home })).toMatchObject({ code: 0 });
  await last.ended;
  expect(readFileSync(join(home, "fustor_agent.log"), "utf8")).not.toContain(SECRET);
}

export function agent(server: () => MariadbServer): void {
  test(
    "packed, added and killed in each phase, the agent loses nothing and keeps the order of every key",
    () => killsInEachPhase(server),
    BOUND_MS * PATIENCE,
  );
}
