import { execFileSync } from "node:child_process";
import {
  closeSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Change, SweepFacts } from "../../../src/sdk/index.ts";
import type { FsSource } from "../../../src/sources/fs/fs-source.ts";
import { fsSourceAt } from "../../support/fs-source-at.ts";
import { canMount } from "../../support/own-mounts.ts";
import { PATIENCE } from "../../support/patience.ts";
import { mountStoppable } from "../../support/sshfs-mount.ts";
import { createTempFolder, removeTempFolders } from "../../support/temp-tree.ts";
import { lasting, waitFor } from "../../support/wait-for.ts";

const run = (program: string, ...args: readonly string[]): string => execFileSync(program, args, { encoding: "utf8" });

/** A tree whose changes only a sweep finds: it is polled once in ten minutes. */
const UNWATCHED = { engine: "poll", poll_interval_sec: 600, remote_poll_interval_sec: 0 };

describe("sweeps of the fs source", () => {
  let root: string;
  const sources: FsSource[] = [];

  beforeEach(() => {
    root = createTempFolder("sweep");
  });

  afterEach(async () => {
    await Promise.all(sources.splice(0).map((source) => source.close()));
  });
  // After the mounts in them.
  afterAll(removeTempFolders);

  async function opened(audit: Readonly<Record<string, unknown>> = {}): Promise<FsSource> {
    const source = fsSourceAt(root, { ...UNWATCHED, audit: { min_age_sec: 0, ...audit } });
    sources.push(source);
    await source.open();
    const isAvailable = (): boolean => source.status().availability.state === "available";
    await waitFor(isAvailable, { timeoutMs: 10_000, intervalMs: 2, what: "the source becomes available" });
    return source;
  }

  const factsOf = (source: FsSource): SweepFacts => source.status().sweep as SweepFacts;

  async function swept(source: FsSource, mode: "names" | "stat" | "hash") {
    const { number } = factsOf(source);
    expect(source.sweep({ kind: "start", mode })).toBe(true);
    const isOver = (): boolean => factsOf(source).state === "idle" && factsOf(source).number > number;
    await waitFor(isOver, {
      timeoutMs: 30_000,
      intervalMs: 5,
      what: `the sweep ends: ${JSON.stringify(factsOf(source))}`,
    });
    const { last } = factsOf(source);
    if (last === undefined) throw new Error("no sweep ended");
    return last;
  }

  async function keysUntil(source: FsSource, ...wanted: readonly string[]): Promise<readonly Change[]> {
    const seen: Change[] = [];
    const ended = new AbortController();
    const reading = (async () => {
      const { batches } = source.getMessageIterator(-1, { signal: ended.signal });
      for await (const batch of batches) seen.push(...batch.changes);
    })().catch(() => undefined);
    const isThere = (): boolean => wanted.every((key) => seen.some((change) => change.key === key));
    await waitFor(isThere, { timeoutMs: 10_000, what: () => `${wanted} come as changes, not ${JSON.stringify(seen)}` });
    ended.abort();
    await reading;
    return seen;
  }

  it("finds what came, went and changed without an event", async () => {
    mkdirSync(join(root, "d/e"), { recursive: true });
    for (const name of ["same", "written", "gone"]) writeFileSync(join(root, "d", name), name);
    const source = await opened();
    writeFileSync(join(root, "d/written"), "other");
    rmSync(join(root, "d/gone"));
    writeFileSync(join(root, "d/e/new"), "new");
    const { outcome, verdicts, looked } = await swept(source, "stat");
    expect({ outcome, looked }).toEqual({ outcome: "complete", looked: 6 });
    // The engine looks again at what was young when it was listed, and may be the first to see some of it.
    expect((verdicts.gone ?? 0) + (verdicts.differs ?? 0)).toBeGreaterThan(0);
    const changes = await keysUntil(source, "/d/written", "/d/gone", "/d/e/new");
    expect(changes.some(({ key }) => key === "/d/same")).toBe(false);
    expect((await swept(source, "stat")).verdicts).toMatchObject({ differs: 0, gone: 0 });
  });

  it("in the mode names looks at directories alone, and finds what came and went", async () => {
    mkdirSync(join(root, "d"));
    writeFileSync(join(root, "d/gone"), "");
    const source = await opened();
    rmSync(join(root, "d/gone"));
    writeFileSync(join(root, "d/new"), "");
    expect(await swept(source, "names")).toMatchObject({ outcome: "complete", looked: 2 });
    await keysUntil(source, "/d/gone", "/d/new");
  });

  it("in the mode hash takes a change of the times for a change, and reads nothing that is no file", async () => {
    writeFileSync(join(root, "file"), "one");
    writeFileSync(join(root, "empty"), "");
    writeFileSync(join(root, "large"), "x".repeat(2000));
    run("mkfifo", join(root, "fifo"));
    run("mknod", join(root, "null"), "c", "1", "3");
    run("truncate", "-s", "1T", join(root, "sparse"));
    const source = await opened({ max_file_bytes: 1024 * 1024 ** 3 });
    expect(await swept(source, "hash")).toMatchObject({
      outcome: "complete",
      readBytes: 2003,
      verdicts: { hashed: 3, offline: 1, same: 3 },
    });
    const { atime, mtime } = statSync(join(root, "file"));
    writeFileSync(join(root, "file"), "two");
    utimesSync(join(root, "file"), atime, mtime);
    expect((await swept(source, "hash")).verdicts).toMatchObject({ differs: 1, hashed: 2 });
    expect(factsOf(source).corrupted).toBe(0);
  });

  it("leaves files that are too large or too young unread", async () => {
    writeFileSync(join(root, "large"), "x".repeat(2000));
    writeFileSync(join(root, "small"), "x");
    const source = await opened({ max_file_bytes: 1000 });
    expect((await swept(source, "hash")).verdicts).toMatchObject({ hashed: 1, tooLarge: 1 });
    const patient = await opened({ min_age_sec: 3600 });
    expect(await swept(patient, "hash")).toMatchObject({ readBytes: 0, verdicts: { tooYoung: 2 } });
  });

  it.skipIf(!canMount())("tells contents that changed on the disk under the same times", async () => {
    const base = createTempFolder("rotten");
    const image = join(base, "image");
    run("truncate", "-s", "16M", image);
    run("mkfs.ext4", "-q", "-F", "-b", "4096", image);
    run("mount", "-o", "loop", image, root);
    try {
      writeFileSync(join(root, "rots"), "a".repeat(8192));
      writeFileSync(join(root, "stays"), "b".repeat(8192));
      run("sync", "-f", root);
      const source = await opened();
      expect((await swept(source, "hash")).verdicts.hashed).toBe(2);
      const before = statSync(join(root, "rots"));
      overwrite(image, Number(run("debugfs", "-R", "bmap /rots 0", image)) * 4096, "X");
      run("dd", `of=${join(root, "rots")}`, "oflag=nocache", "conv=notrunc,fdatasync", "count=0", "status=none");
      expect(readFileSync(join(root, "rots"), "utf8")[0]).toBe("X");
      const after = statSync(join(root, "rots"));
      expect([after.ino, after.size, after.mtimeMs, after.ctimeMs]).toEqual([
        before.ino,
        before.size,
        before.mtimeMs,
        before.ctimeMs,
      ]);
      await swept(source, "hash");
      expect(factsOf(source)).toMatchObject({ corrupted: 1, corruptedPaths: ["/rots"] });
      const notes = source.status().notes?.join();
      expect(notes).toContain("/rots");
      const changes = await keysUntil(source, "/rots");
      expect(changes.some(({ key }) => key === "/stays")).toBe(false);
      await swept(source, "hash");
      expect(factsOf(source).corrupted).toBe(1);
      await source.close();
    } finally {
      run("umount", "-l", root);
    }
  });

  it("reads a file with several names once, and tells a change of it under each", async () => {
    mkdirSync(join(root, "d"));
    writeFileSync(join(root, "file"), "x".repeat(1000));
    for (const name of ["link", "d/link"]) linkSync(join(root, "file"), join(root, name));
    writeFileSync(join(root, "other"), "y".repeat(10));
    const source = await opened();
    for (let i = 0; i < 2; i++) {
      expect(await swept(source, "hash")).toMatchObject({ looked: 6, readBytes: 1010, verdicts: { hashed: 2 } });
    }
    writeFileSync(join(root, "link"), "z");
    expect((await swept(source, "hash")).verdicts).toMatchObject({ differs: 3, hashed: 1 });
    await keysUntil(source, "/file", "/link", "/d/link");
  });

  it("hashes a file whose times are in the future once it was the same for min_age_sec by its own clock", async () => {
    writeFileSync(join(root, "file"), "early");
    utimesSync(join(root, "file"), new Date(), new Date(Date.now() + 86_400_000));
    // On a busy machine two sweeps may take seconds.
    const source = await opened({ min_age_sec: 6 });
    expect((await swept(source, "hash")).verdicts).toMatchObject({ tooYoung: 1, hashed: 0 });
    expect((await swept(source, "hash")).verdicts).toMatchObject({ tooYoung: 1, hashed: 0 });
    await lasting(7100, "the file grows old, in whole seconds");
    expect((await swept(source, "hash")).verdicts).toMatchObject({ tooYoung: 0, hashed: 1 });
  });

  it("is cancelled in the middle of a file, and a stop does not wait for it", async () => {
    const file = join(root, "zeros");
    writeFileSync(file, "x");
    truncateSync(file, 3 * 1024 ** 4);
    const source = await opened({ bytes_per_second: 0, cpu_percent: 0 });
    for (const command of ["cancel", "close"] as const) {
      expect(source.sweep({ kind: "start", mode: "hash" })).toBe(true);
      expect(source.sweep({ kind: "start" })).toBe(false);
      await waitFor(() => (factsOf(source).progress?.readBytes ?? 0) > 0, {
        timeoutMs: 10_000,
        what: "a file is read",
      });
      if (command === "close") break;
      source.sweep({ kind: "cancel" });
      await waitFor(() => factsOf(source).state === "idle", {
        timeoutMs: 5000,
        intervalMs: 2,
        what: "it is cancelled",
      });
      expect(factsOf(source).last?.outcome).toBe("cancelled");
    }
    const begun = performance.now();
    await source.close();
    expect(performance.now() - begun).toBeLessThan(2500 * PATIENCE);
  });

  it("pauses, and goes on where it was", async () => {
    for (let i = 0; i < 3000; i++) writeFileSync(join(root, `file-${i}`), "");
    const source = await opened({ entries_per_second: 20_000 });
    expect(source.sweep({ kind: "pause" })).toBe(false);
    source.sweep({ kind: "start", mode: "stat" });
    source.sweep({ kind: "pause" });
    expect(factsOf(source).state).toBe("paused");
    source.sweep({ kind: "resume" });
    await waitFor(() => factsOf(source).state === "idle", { timeoutMs: 10_000, what: "the sweep ends" });
    expect(factsOf(source).last).toMatchObject({ outcome: "complete", looked: 3001 });
  });

  it("begins by itself, and again after its interval", async () => {
    writeFileSync(join(root, "file"), "");
    const source = await opened({ full_sweep_interval_sec: 1 });
    await waitFor(() => factsOf(source).number > 1, { timeoutMs: 10_000, what: "the second sweep begins" });
    expect(factsOf(source).last?.outcome).toBe("complete");
  });

  it("begins by itself soon after an audit that ran when it was due", async () => {
    writeFileSync(join(root, "file"), "");
    const source = await opened({ full_sweep_interval_sec: 6 });
    await waitFor(() => factsOf(source).number === 1, {
      timeoutMs: 10_000,
      intervalMs: 2,
      what: "the first one begins",
    });
    const begun = performance.now();
    const isOver = (): boolean => factsOf(source).state === "idle" && factsOf(source).number === 1;
    await waitFor(isOver, { timeoutMs: 10_000, intervalMs: 2, what: "the first sweep ends" });
    source.sweep({ kind: "start", mode: "names" });
    source.sweep({ kind: "pause" });
    await lasting(begun + 7500 - performance.now(), "the next sweep is due");
    source.sweep({ kind: "cancel" });
    await waitFor(() => factsOf(source).number === 3, {
      timeoutMs: 20_000,
      intervalMs: 2,
      what: "the next one begins",
    });
    // One that waited for its next interval would begin 12 s after the first one.
    expect(performance.now() - begun).toBeLessThan(11_500);
  });

  it("goes on beside a file system that does not answer, and says which", async () => {
    mkdirSync(join(root, "m"));
    mkdirSync(join(root, "other"));
    writeFileSync(join(root, "other/file"), "");
    const mount = await mountStoppable(join(root, "m"));
    mkdirSync(join(mount.behind, "sub"));
    writeFileSync(join(mount.behind, "sub/file"), "");
    const source = await opened();
    await waitFor(() => source.status().entries === 6, {
      timeoutMs: 10_000,
      what: () => `all is known: ${JSON.stringify(source.status())}`,
    });
    mount.stop();
    await lasting(2000, "what the kernel keeps of the mount ages");
    const { outcome, skipped } = await swept(source, "stat");
    expect(outcome).toBe("complete");
    expect(skipped).toBeGreaterThan(0);
    expect(source.status().notes?.some((note) => note.includes("does not answer the sweep"))).toBe(true);
    mount.resume();
    const unanswered = (): boolean => source.status().notes?.some((note) => note.includes("sweep")) ?? false;
    await waitFor(() => !unanswered(), { timeoutMs: 20_000, what: "it answers again" });
    expect((await swept(source, "stat")).skipped).toBe(0);
  });
});

function overwrite(file: string, at: number, text: string): void {
  const fd = openSync(file, "r+");
  writeSync(fd, text, at);
  closeSync(fd);
}
