import { execFile } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterEach, beforeAll, describe, expect, test } from "vitest";
import { BUILD_TIMEOUT_MS, buildBenchTools } from "../../support/bench-tools.ts";
import { PATIENCE } from "../../support/patience.ts";
import { createTempFolder, removeTempFolders } from "../../support/temp-tree.ts";

const run = promisify(execFile);
const ROOT = fileURLToPath(new URL("../../../", import.meta.url));

/** Runs a suite; the answer is what it wrote. */
async function bench(...args: string[]): Promise<{ readonly result: Record<string, unknown>; readonly page: string }> {
  const { stdout } = await run(process.execPath, ["bench/run.mjs", ...args], {
    cwd: ROOT,
    timeout: 110_000 * PATIENCE,
  });
  const [json, page] = stdout.trim().split("\n").slice(-2);
  return {
    result: JSON.parse(readFileSync(json ?? "", "utf8")) as Record<string, unknown>,
    page: readFileSync(page ?? "", "utf8"),
  };
}

beforeAll(buildBenchTools, BUILD_TIMEOUT_MS);
afterEach(removeTempFolders);

describe("the benchmarks that read a tree", () => {
  test("the scan suite counts the same entries through Node, with find and without Node, and removes its tree", async () => {
    const dir = createTempFolder("bench-dir");
    const small = ["--files", "300", "--runs", "1", "--dir", dir];
    const { result, page } = await bench("scan", ...small, "--only", "find,readdirsync");
    const [tree] = result.trees as {
      entries: number;
      medians: { name: string; entries?: number; seconds: number }[];
    }[];
    const names = tree?.medians.map(({ name }) => name);
    expect(names).toEqual(["bare C++ scan", "fustor, through Node", "find -printf", "node readdirSync + lstatSync"]);
    for (const one of tree?.medians ?? []) expect(one, one.name).toMatchObject({ runs: 1, entries: tree?.entries });
    expect(readdirSync(dir)).toEqual([]);
    expect(page).toContain("fustor, through Node");
  });

  test("the snapshot suite measures the agent's first and later snapshots beside the bare scan", async () => {
    const dir = createTempFolder("bench-dir");
    const { result, page } = await bench("snapshot", "--files", "300", "--runs", "1", "--dir", dir);
    const medians = result.medians as { name: string; runs: number; seconds: number; peakBytes: number }[];
    expect(medians.map(({ runs }) => runs)).toEqual(medians.map(() => 1));
    for (const { name, seconds, peakBytes } of medians) {
      expect(seconds, name).toBeGreaterThan(0);
      expect(peakBytes, name).toBeGreaterThan(0);
    }
    expect(page).toContain("fustor, first snapshot");
    expect(readdirSync(dir)).toEqual([]);
  });

  test("the hash suite hashes small files and a large one, ours beside whichever rivals are there", async () => {
    const dir = createTempFolder("bench-dir");
    const small = ["--files", "50", "--large-mb", "2", "--runs", "1", "--dir", dir];
    const { result, page } = await bench("hash", ...small);
    const trees = result.trees as { samples: { name: string; samples: { files?: number; bytes?: number }[] }[] }[];
    const ours = trees.map(({ samples }) => samples.find(({ name }) => name === "fustor sweep, sha256")?.samples[0]);
    expect(ours).toMatchObject([
      { files: 50, bytes: 50 * 4096 },
      { files: 1, bytes: 2_000_000 },
    ]);
    expect(page).toContain("fustor sweep, xxh3");
    expect(readdirSync(dir)).toEqual([]);
  });

  test("a tree of the user's own is measured and left as it was", async () => {
    const tree = createTempFolder("bench-own");
    mkdirSync(join(tree, "d"));
    writeFileSync(join(tree, "d", "f"), "mine");
    const before = [tree, join(tree, "d"), join(tree, "d", "f")].map(
      (path) => statSync(path, { bigint: true }).ctimeNs,
    );
    const { result } = await bench("scan", "--tree", tree, "--runs", "1", "--only", "find");
    const [measured] = result.trees as { name: string; entries: number }[];
    expect(measured).toMatchObject({ name: "own tree", entries: 3 });
    expect(JSON.stringify(result), "where the user's tree is stays with the user").not.toContain(basename(tree));
    const after = [tree, join(tree, "d"), join(tree, "d", "f")].map((path) => statSync(path, { bigint: true }).ctimeNs);
    expect(after).toEqual(before);
  });

  test("an option that a suite does not know is refused before anything is measured", async () => {
    await expect(bench("scan", "--fils", "10")).rejects.toMatchObject({ code: 64 });
    await expect(bench("scan", "--files", "many")).rejects.toMatchObject({ code: 64 });
    await expect(bench("nothing")).rejects.toMatchObject({ code: 64 });
    const refused = (stderr: RegExp) => ({ code: 64, stderr: expect.stringMatching(stderr) });
    await expect(bench("scan", "--tree", "/nonexist")).rejects.toMatchObject(
      refused(/^bench: --tree \/nonexist: there is/),
    );
    await expect(bench("scan", "--only", "nosuch")).rejects.toMatchObject(
      refused(/nothing is called "nosuch"; there are .*find/),
    );
    await expect(bench("watch", "--only", "nosuch")).rejects.toMatchObject(refused(/there are .*chokidar/));
  });
});
