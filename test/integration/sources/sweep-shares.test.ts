/** Sweeps of a watch as the addon hands them out, with their tasks on this thread. */
import { mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, expect, onTestFinished, test } from "vitest";
import { loadAddon } from "../../../src/native/load.ts";
import { type NativeShare, type NativeSweep, PULSE } from "../../../src/native/sweep.ts";
import { createTempFolder, removeTempFolders } from "../../support/temp-tree.ts";
import { waitFor } from "../../support/wait-for.ts";

afterAll(removeTempFolders);

const RULES = { mode: "hash", digest: "xxh3", maxFileBytes: 0, minAgeSec: -1, polite: false } as const;
const FILES = 1500;

async function watchOf(root: string) {
  const watch = loadAddon().createWatch(root, { mode: "poll", pollMs: 200 }, () => undefined);
  onTestFinished(() => watch.close());
  watch.start();
  const isKnown = (): boolean => watch.rootState().root === "available" && watch.status().entries > FILES;
  await waitFor(isKnown, { timeoutMs: 20_000, what: "the tree is known" });
  return watch;
}

/** What the tasks of one share said. */
function lookAt(sweep: NativeSweep, { share }: NativeShare): { hashed: number; corrupted: number } {
  const [cancel, pulse] = [1, PULSE.length].map((length) => new Int32Array(new SharedArrayBuffer(4 * length)));
  if (cancel === undefined || pulse === undefined) throw new Error("no shared memory");
  let [hashed, corrupted] = [0, 0];
  for (let before: Uint8Array | null = null, done = false; !done; ) {
    before = loadAddon().sweepTask({ share, before, cancel, pulse });
    const report = sweep.apply(share, before);
    hashed += report.verdicts.hashed;
    corrupted += report.corrupted;
    done = report.done;
  }
  return { hashed, corrupted };
}

function firstShare(sweep: NativeSweep): NativeShare {
  const next = sweep.next();
  if (next.kind !== "share") throw new Error(`no share but ${next.kind}`);
  return next;
}

function makeFiles(root: string): void {
  for (let i = 0; i < FILES; i++) writeFileSync(join(root, `file-${i}`), String(i));
}

test("digests of files that are gone are forgotten when the next sweep begins, also when the last one was cut short", async () => {
  const root = createTempFolder("digests");
  makeFiles(root);
  const watch = await watchOf(root);
  const cutShort = watch.openSweep(RULES);
  expect(cutShort.prune()).toBe(false);
  const { hashed } = lookAt(cutShort, firstShare(cutShort));
  expect(hashed).toBeGreaterThan(1000);
  expect(cutShort.digests().count).toBe(hashed);
  for (let i = 0; i < FILES; i += 2) rmSync(join(root, `file-${i}`));
  const finds = watch.openSweep({ ...RULES, mode: "stat" });
  for (let share = finds.next(); share.kind === "share"; share = finds.next()) lookAt(finds, share);
  await waitFor(() => watch.status().entries === FILES / 2 + 1, {
    timeoutMs: 30_000,
    what: "the deletes are known",
  });
  const next = watch.openSweep(RULES);
  let calls = 0;
  while (next.prune()) calls++;
  expect(calls).toBeGreaterThan(0);
  const left = next.digests().count;
  expect(left).toBeLessThanOrEqual(FILES / 2);
  expect(left).toBeGreaterThanOrEqual(hashed - FILES / 2);
  const share = firstShare(next);
  expect(lookAt(next, share)).toEqual({ hashed: FILES / 2, corrupted: 0 });
  expect(next.digests().count).toBe(FILES / 2);
});

test("a root that is away is no end of a sweep", async () => {
  const base = createTempFolder("away");
  const root = join(base, "root");
  mkdirSync(root);
  makeFiles(root);
  const watch = await watchOf(root);
  const sweep = watch.openSweep(RULES);
  expect(firstShare(sweep).missed).toBe(0);
  renameSync(root, join(base, "elsewhere"));
  await waitFor(() => watch.rootState().root === "unavailable", { timeoutMs: 20_000, what: "the root is away" });
  expect(sweep.next()).toMatchObject({ kind: "unavailable" });
  renameSync(join(base, "elsewhere"), root);
  await waitFor(() => watch.rootState().root === "available", { timeoutMs: 20_000, what: "the root is back" });
  expect(sweep.next()).toMatchObject({ kind: "share" });
  expect(sweep.next()).toMatchObject({ kind: "end" });
});
