import { execFileSync } from "node:child_process";
import { randomInt } from "node:crypto";
import { mkdirSync, rmSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { createEmbeddedFusion } from "../support/embedded-fusion.ts";
import { makeOddNames } from "../support/odd-entries.ts";
import { PATIENCE } from "../support/patience.ts";
import { startUnrest } from "../support/random-operations.ts";
import { sayAsStranger } from "../support/stranger.ts";
import { growTree } from "../support/temp-tree.ts";
import { CALM, verifyStage } from "../support/verify-stage.ts";
import { cli, run } from "./cli-process.ts";

const SETTLE = `--settle=${10 * PATIENCE}`;

function prepare(root: string): void {
  makeOddNames(root);
  mkdirSync(join(root, "d/e"), { recursive: true });
  for (const name of ["a", "b", "old"]) writeFileSync(join(root, "d", name), name);
  utimesSync(join(root, "d/old"), 1000, 1000.25);
  symlinkSync("/etc", join(root, "link"));
  symlinkSync("nowhere", join(root, "dangling"));
  let deep = root;
  for (let at = 0; at < 20; at++) {
    deep = join(deep, "x".repeat(150));
    mkdirSync(deep);
  }
  writeFileSync(join(deep, "bottom"), "");
}

test("a view is equal to a disk with odd names, links and long paths, whether the agent runs or not", async () => {
  const stage = await verifyStage(await createEmbeddedFusion(CALM), { prepare });
  const { code, summary, differences, stderr } = await stage.verify(SETTLE);
  expect({ code, differences, stderr }).toEqual({ code: 0, differences: {}, stderr: "" });
  expect(summary).toMatchObject({ outcome: "equal", not_compared: 0 });
  expect(summary.entries).toBe(await stage.fusion.view.itemCount());
  // Its session goes on: a view without any is shown to nobody.
  await stage.agent.kill();
  expect((await stage.verify("--settle=1")).code).toBe(0);
  writeFileSync(join(stage.root, "later"), "");
  const after = await stage.verify("--settle=1");
  expect(after.code).toBe(2);
  expect(after.differences).toEqual({ "/": "mtime", "/later": "missing" });
  expect((await stage.verify("--repair")).code).toBe(3);
});

test("what is missing, a ghost or wrong in the view is named, and --repair mends it", async () => {
  const stage = await verifyStage(await createEmbeddedFusion(CALM), { prepare });
  await sayAsStranger(stage.fusion.receiver, {
    files: ["/d/ghost", "/d/a", "/g1/g2/g3"],
    deleted: ["/d/old", "/names"],
  });
  const broken = await stage.verify("--settle=1");
  expect(broken.code).toBe(2);
  const { "/d/old": old, "/names": names, "/d/a": size, ...others } = broken.differences;
  expect({ old, names, size }).toEqual({ old: "missing", names: "missing", size: "mtime" });
  expect(others).toMatchObject({ "/d/ghost": "ghost", "/g1": "ghost", "/g1/g2": "ghost", "/g1/g2/g3": "ghost" });
  expect(Object.values(others).filter((kind) => kind === "missing")).toHaveLength(28);
  const below = await stage.verify("--settle=0", "--path=/d");
  expect(below.differences).toEqual({ "/d/ghost": "ghost", "/d/a": "mtime", "/d/old": "missing" });
  const repaired = await stage.verify("--repair", `--settle=${2 * PATIENCE}`);
  expect({ code: repaired.code, stderr: repaired.stderr }).toEqual({ code: 0, stderr: "" });
  const pipe = stage.fusion.receiver.pipeId;
  const text = await run(["verify", pipe], { home: stage.agent.home });
  expect(text.code, text.stderr).toBe(0);
  expect(text.stdout).toMatch(/^Equal: \d+ entries in /m);
});

test("a tree in which 200 changes happen each second is equal", async () => {
  const seed = Number(process.env.FUSTOR_SEED ?? randomInt(2 ** 31));
  const stage = await verifyStage(await createEmbeddedFusion(CALM), { prepare });
  const unrest = startUnrest({ root: stage.root, outside: stage.outside, seed });
  try {
    for (let round = 0; round < 3; round++) {
      const { code, differences, stderr } = await stage.verify(SETTLE);
      expect({ code, differences, stderr }, `seed ${seed}`).toEqual({ code: 0, differences: {}, stderr: "" });
    }
  } finally {
    await unrest.stop();
  }
});

test("a directory of 100,000 entries is compared, and what cannot be entered is said to be not compared", async () => {
  const many = (root: string): void => {
    mkdirSync(join(root, "many"));
    execFileSync("sh", ["-c", "seq 0 99999 | xargs touch"], { cwd: join(root, "many") });
    growTree(join(root, "grown"), { seed: 1, files: 200 });
    mkdirSync(join(root, "long", "l".repeat(60)), { recursive: true });
  };
  const stage = await verifyStage(await createEmbeddedFusion(CALM), {
    prepare: many,
    driverParams: { max_path_bytes: 40 },
  });
  await sayAsStranger(stage.fusion.receiver, { deleted: ["/many/77777"], files: ["/many/ghost", "/grown/ghost"] });
  const { code, differences, notCompared, summary } = await stage.verify("--settle=1");
  expect(differences).toEqual({ "/many/77777": "missing", "/many/ghost": "ghost", "/grown/ghost": "ghost" });
  expect(notCompared).toEqual([`/long/${"l".repeat(60)}`]);
  expect({ code, entries: summary.entries }).toEqual({ code: 2, entries: (await stage.fusion.view.itemCount()) - 1 });
  const rest = await stage.verify("--settle=1", "--path=/long");
  expect({ code: rest.code, outcome: rest.summary.outcome }).toEqual({ code: 4, outcome: "incomplete" });
});

test("what cannot be compared says why, with a code of its own", async () => {
  const fusion = await createEmbeddedFusion(CALM);
  const stage = await verifyStage(fusion, { query: { endpoint: fusion.viewUrl, key: "wrong-key-of-mine" } });
  const refused = await stage.verify("--settle=1");
  expect(refused.code).toBe(4);
  expect(refused.stderr).toContain("takes no such key; name a read key in driver_params.query.key");
  expect(refused.stderr).not.toContain("wrong-key-of-mine");
  const unknown = await run(["verify", "pipe-2"], { home: stage.agent.home });
  expect(unknown).toMatchObject({ code: 78, stderr: expect.stringContaining('did you mean "pipe-1"?') });
  await fusion.stop();
  const away = await stage.verify("--settle=1");
  expect(away).toMatchObject({ code: 4, stderr: expect.stringContaining("connection refused") });
});

test("Ctrl-C ends it with what was found so far", async () => {
  const stage = await verifyStage(await createEmbeddedFusion(CALM), { prepare });
  await sayAsStranger(stage.fusion.receiver, { files: ["/ghost"] });
  const verify = cli(["verify", stage.fusion.receiver.pipeId, "--settle=600"], { home: stage.agent.home });
  await verify.until("it looks again", ({ stdout }) => stdout.includes("1 differ so far: looking again"), 60_000);
  verify.child.kill("SIGINT");
  const { code, stdout } = await verify.ended;
  expect(stdout).toContain("only in the view: /ghost");
  expect({ code, stdout }).toMatchObject({ code: 4, stdout: expect.stringContaining("Interrupted: ") });
});

test("a sender without a view and a mapping that hides paths are told apart from differences", async () => {
  const stage = await verifyStage(await createEmbeddedFusion(CALM));
  const { home } = stage.agent;
  const config = (sender: object, pipe: object): string =>
    JSON.stringify({
      sources: { s: { driver: "fs", uri: stage.root } },
      senders: { t: sender },
      pipes: { p: { source: "s", sender: "t", ...pipe } },
    });
  const file = join(home, "agent-config/default.yaml");
  writeFileSync(file, config({ driver: "echo" }, {}));
  expect(await run(["verify", "p"], { home })).toMatchObject({
    code: 78,
    stderr: expect.stringContaining('what its sender "t" (echo) sends to shows no view'),
  });
  const fusion = {
    driver: "fusion",
    uri: stage.fusion.receiver.url,
    credential: { key: stage.fusion.receiver.pushKey },
  };
  writeFileSync(file, config(fusion, { fields_mapping: [{ to: "path", source: ["file_name"] }] }));
  expect(await run(["verify", "p"], { home })).toMatchObject({
    code: 78,
    stderr: expect.stringContaining("fields_mapping does not carry path and is_directory"),
  });
  rmSync(file);
});
