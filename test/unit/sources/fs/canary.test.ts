import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { loadAddon } from "../../../../src/native/load.ts";
import type { NativeWatch } from "../../../../src/native/watch.ts";
import { type Change, silentLogger } from "../../../../src/sdk/index.ts";
import { CANARY_PREFIX, Canary } from "../../../../src/sources/fs/canary.ts";
import { waitFor } from "../../../support/wait-for.ts";

let root: string;
let watch: NativeWatch | undefined;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "fustor-canary-"));
});

afterEach(async () => {
  await watch?.close();
  watch = undefined;
  rmSync(root, { recursive: true, force: true });
});

const within = (what: string) => ({ timeoutMs: 15_000, intervalMs: 5, what: () => what });

test("a canary's events are counted, and neither the live stream nor a snapshot tells of its file", async () => {
  const exclude = [`/${CANARY_PREFIX}*`];
  watch = loadAddon().createWatch(root, { mode: "inotify", canary: CANARY_PREFIX, exclude }, () => undefined);
  const { rootState, drain } = { rootState: () => watch?.rootState(), drain: () => watch?.drain() };
  watch.start();
  await waitFor(() => rootState()?.root === "available", within("the first pass"));
  const canary = new Canary(root, 20, watch, silentLogger);
  await waitFor(() => canary.status().sent > 3 && canary.status().lastSeenAgoMs !== undefined, within("canaries"));
  await canary.stop();
  expect(canary.status()).toMatchObject({ missed: 0 });
  expect(readdirSync(root)).toEqual([]);
  const keys = new Set<string>();
  for (let batch = drain(); batch; batch = drain()) {
    for (const { key } of JSON.parse(batch.json.toString("utf8")) as Change[]) keys.add(key);
  }
  expect([...keys].filter((key) => key !== "/")).toEqual([]);
});

test("a canary that nobody hears is counted as missed and has the tree listed again", async () => {
  const resyncs: string[] = [];
  const deaf = {
    rootState: () => ({ root: "available", reason: "", canaryEvents: 0, hangChanges: 0 }) as const,
    resync: (reason: string) => void resyncs.push(reason),
    status: () => ({ engines: [{ fileSystem: "ext4", engine: "inotify", reason: "", count: 1 }] }),
  };
  const canary = new Canary(root, 10, deaf, silentLogger);
  await waitFor(() => resyncs.length > 0, within("a resync"));
  expect(canary.status().missed).toBeGreaterThan(0);
  expect(canary.status().lastSeenAgoMs).toBeUndefined();
  await canary.stop();
  expect(readdirSync(root)).toEqual([]);
});

test("a root that cannot be written is a trouble that status tells, not a canary that was missed", async () => {
  const gone = join(root, "gone");
  const watched = {
    rootState: () => ({ root: "available", reason: "", canaryEvents: 0, hangChanges: 0 }) as const,
    resync: () => undefined,
    status: () => ({ engines: [{ fileSystem: "ext4", engine: "inotify", reason: "", count: 1 }] }),
  };
  const canary = new Canary(gone, 10, watched, silentLogger);
  await waitFor(() => canary.status().trouble !== undefined, within("the trouble"));
  await canary.stop();
  expect(canary.status()).toMatchObject({ sent: 0, missed: 0 });
  expect(canary.status().trouble).toContain("ENOENT");
});
