import { mkdirSync, readlinkSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { rowChunks } from "../../../src/native/bulk.ts";
import { loadAddon } from "../../../src/native/load.ts";
import type { NativeChunk, NativeScan, ScanOptions } from "../../../src/native/scan.ts";
import type { RowChunk } from "../../../src/sdk/index.ts";
import { readDisk } from "../../support/disk-tree.ts";
import { makeDevices, makeOddNames, makeSocket } from "../../support/odd-entries.ts";
import { createTempFolder, growTree, removeTempFolders } from "../../support/temp-tree.ts";
import { compareTrees, describeDifferences } from "../../support/tree-compare.ts";
import { entryOf, readScan, rowsOf } from "./rows.ts";

const addon = loadAddon();
/** Chunks of 96 KiB, the smallest there are: a few thousand rows fill several. */
const SMALL: ScanOptions = { chunkBytes: 1, poolChunks: 2, threads: 2 };
let large = "";

async function nextOf(scan: NativeScan): Promise<NativeChunk> {
  const chunk = await scan.next();
  if (chunk === null) throw new Error("the scan ended");
  return chunk;
}

beforeAll(() => {
  large = createTempFolder("scan-large");
  growTree(large, { seed: 1, files: 5000, filesPerDirectory: 50 });
});
afterAll(removeTempFolders);

describe("rows", () => {
  test("equal an lstat walk, for every kind of entry and any name", async () => {
    const root = createTempFolder("scan");
    makeOddNames(root);
    makeSocket(root, "socket");
    makeDevices(root);
    mkdirSync(join(root, "empty"));
    symlinkSync("empty", join(root, "to a directory"));
    symlinkSync("nowhere", join(root, "dangling"));
    symlinkSync("..", join(root, "empty", "loop"));
    writeFileSync(join(root, "old"), "from before 1970");
    utimesSync(join(root, "old"), new Date(-1500), new Date(-1500));
    expect(readlinkSync(join(root, "dangling"))).toBe("nowhere");

    const rows = await readScan(addon.createScan(root, {}));
    const scanned = new Map(rows.map((row) => [row.path, entryOf(row)]));
    expect(scanned.size).toBe(rows.length);
    const differences = compareTrees(readDisk(root), scanned);
    expect(describeDifferences(differences)).toBe("equal");
    for (const row of rows) expect(row.file_name).toBe(row.path.slice(row.path.lastIndexOf("/") + 1));
    expect(scanned.get("/old")?.mtime).toBe(-1.5);
  });

  test("are the same from many small chunks", async () => {
    const rows = await readScan(addon.createScan(large, SMALL));
    const scanned = new Map(rows.map((row) => [row.path, entryOf(row)]));
    expect(describeDifferences(compareTrees(readDisk(large), scanned))).toBe("equal");
  });

  test("stand in the buffer separated by single commas, so that a slice of a chunk is a JSON array's inside", async () => {
    const scan = addon.createScan(large, SMALL);
    let chunks = 0;
    for (let chunk = await scan.next(); chunk !== null; chunk = await scan.next()) {
      const end = chunk.rowOffsets[chunk.rowCount] ?? 0;
      expect(chunk.rowOffsets.length).toBe(chunk.rowCount + 1);
      expect(JSON.parse(`[${chunk.buffer.toString("utf8", 0, end - 1)}]`)).toEqual(rowsOf(chunk));
      expect(chunk.groupFirstRow[0]).toBe(0);
      expect(chunk.groupSequence.length).toBe(chunk.groupFirstRow.length);
      scan.release(chunk.slot);
      chunks++;
    }
    expect(chunks).toBeGreaterThan(4);
  });

  test("come in groups that know their directory, whatever its name", async () => {
    const root = createTempFolder("scan-groups");
    makeOddNames(root);
    mkdirSync(join(root, 'a "quoted" \\ name', "below"), { recursive: true });
    writeFileSync(join(root, 'a "quoted" \\ name', "below", "file"), "");
    const scan = addon.createScan(root, {});
    const misplaced: string[] = [];
    let containers = 0;
    for await (const chunk of rowChunks(scan, AbortSignal.timeout(10_000))) {
      const rows = rowsOf({ ...chunk, buffer: Buffer.from(chunk.buffer) });
      for (const [group, first] of chunk.groupFirstRow.entries()) {
        containers++;
        for (const { path } of rows.slice(first, chunk.groupFirstRow[group + 1])) {
          const directory = path.slice(0, path.lastIndexOf("/")) || "/";
          if (chunk.groupContainer(group) !== directory) misplaced.push(path);
        }
      }
      expect(chunk.rowFlags).toEqual(new Uint8Array(chunk.rowCount));
      chunk.release();
    }
    expect(misplaced).toEqual([]);
    expect(containers).toBeGreaterThan(3);
  });

  test("are counted in the summary, which says when the tree was covered", async () => {
    const scan = addon.createScan(large, SMALL);
    const rows = await readScan(scan);
    const summary = scan.summary();
    expect(summary).toMatchObject({ rows: rows.length, files: 5000, symlinks: 0, others: 0, complete: true });
    expect(summary.directories).toBe(rows.filter((row) => row.is_directory).length);
    expect(summary).toMatchObject({ failedDirectories: 0, errors: [], errorsByCode: {} });
    expect(summary.elapsedMs).toBeGreaterThan(0);
  });
});

describe("chunks", () => {
  test("out of an empty pool the next one comes in the slot that is released, and in no other", async () => {
    const scan = addon.createScan(large, SMALL);
    const [first, second] = [await nextOf(scan), await nextOf(scan)];
    const third = scan.next();
    expect(new Set([first.slot, second.slot])).toEqual(new Set([0, 1]));
    const kept = rowsOf(first);
    scan.release(second.slot);
    expect((await third)?.slot).toBe(second.slot);
    expect(rowsOf(first)).toEqual(kept);
    scan.cancel();
  });

  test("of one slot share one persistent Buffer", async () => {
    const scan = addon.createScan(large, { ...SMALL, poolChunks: 1 });
    const first = await nextOf(scan);
    scan.release(first.slot);
    const second = await nextOf(scan);
    expect(second.buffer).toBe(first.buffer);
    scan.cancel();
  });

  test("that were not handed out cannot be released", async () => {
    const scan = addon.createScan(large, { ...SMALL, poolChunks: 1 });
    scan.release(0);
    scan.release(7);
    const chunk = await nextOf(scan);
    const rows = rowsOf(chunk);
    scan.release(chunk.slot);
    scan.release(chunk.slot);
    expect(rows.length + (await readScan(scan)).length).toBe(scan.summary().rows);
  });

  test("are asked for one at a time", async () => {
    const scan = addon.createScan(large, { ...SMALL, poolChunks: 1 });
    await scan.next();
    const waiting = scan.next();
    await expect(scan.next()).rejects.toThrow("already waiting");
    scan.cancel();
    expect(await waiting).toBeNull();
  });

  test("are empty once a scan that has ended is closed, and its summary stays", async () => {
    const scan = addon.createScan(large, SMALL);
    const buffers = new Set<Buffer>();
    for (let chunk = await scan.next(); chunk !== null; chunk = await scan.next()) {
      buffers.add(chunk.buffer);
      scan.release(chunk.slot);
    }
    const summary = scan.summary();
    expect(summary.rows).toBeGreaterThan(5000);
    expect([...buffers].every(({ length }) => length > 0)).toBe(true);
    for (let times = 0; times < 2; times++) scan.close();
    expect([...buffers].map(({ length }) => length)).toEqual([...buffers].map(() => 0));
    expect(scan.summary()).toEqual(summary);
    expect(await scan.next()).toBeNull();
    scan.release(0);
    scan.cancel();
  });

  test("of a scan that is closed early end, and what the consumer holds stays readable", async () => {
    const scan = addon.createScan(large, SMALL);
    const { buffer, rowOffsets } = await nextOf(scan);
    scan.close();
    expect(await scan.next()).toBeNull();
    expect(() => JSON.parse(buffer.toString("utf8", 0, (rowOffsets[1] ?? 0) - 1))).not.toThrow();
    expect(scan.summary().complete).toBe(false);
  });
});

describe("a root", () => {
  test("that is missing rejects with ENOENT", async () => {
    const scan = addon.createScan(join(large, "nothing"), {});
    await expect(scan.next()).rejects.toMatchObject({ code: "ENOENT" });
    expect(scan.summary().complete).toBe(false);
  });

  test("that is a file rejects with ENOTDIR", async () => {
    const file = join(createTempFolder("scan-file"), "file");
    writeFileSync(file, "");
    await expect(addon.createScan(file, {}).next()).rejects.toMatchObject({ code: "ENOTDIR" });
  });
});

describe("rowChunks", () => {
  const never = new AbortController().signal;

  test("gives every row, and each chunk can be kept until it is released", async () => {
    const paths = new Set<string>();
    let before: RowChunk | undefined;
    for await (const chunk of rowChunks(addon.createScan(large, SMALL), never)) {
      for (const row of rowsOf({ ...chunk, buffer: Buffer.from(chunk.buffer) })) paths.add(row.path);
      before?.release();
      before = chunk;
    }
    before?.release();
    expect(paths).toEqual(new Set(readDisk(large).keys()));
  });

  test("ends without an error when it is aborted while it waits", async () => {
    const controller = new AbortController();
    const scan = addon.createScan(large, { ...SMALL, poolChunks: 1 });
    const chunks = rowChunks(scan, controller.signal);
    expect((await chunks.next()).done).toBe(false);
    const waiting = chunks.next();
    controller.abort();
    expect((await waiting).done).toBe(true);
    expect(scan.summary().complete).toBe(false);
  });

  test("cancels the scan when the loop is left", async () => {
    const scan = addon.createScan(large, { ...SMALL, poolChunks: 1 });
    for await (const chunk of rowChunks(scan, never)) {
      expect(chunk.rowCount).toBeGreaterThan(0);
      break;
    }
    expect(await scan.next()).toBeNull();
    expect(scan.summary().complete).toBe(false);
  });

  test("gives nothing when the signal was aborted before", async () => {
    expect((await rowChunks(addon.createScan(large, SMALL), AbortSignal.abort()).next()).done).toBe(true);
  });

  test("rejects as the scan does", async () => {
    const chunks = rowChunks(addon.createScan(join(large, "nothing"), {}), never);
    await expect(chunks.next()).rejects.toMatchObject({ code: "ENOENT" });
  });

  test("releases a slot once, whatever a consumer does", async () => {
    const chunks = rowChunks(addon.createScan(large, { ...SMALL, poolChunks: 1 }), never);
    const first = await chunks.next();
    first.value?.release();
    const second = await chunks.next();
    const rows = second.value === undefined ? 0 : second.value.rowCount;
    const waiting = chunks.next();
    first.value?.release(); // the slot is the second chunk's now
    expect(second.value?.rowCount).toBe(rows);
    const text = Buffer.from(second.value?.buffer ?? []).toString("utf8", 0, (second.value?.rowOffsets[rows] ?? 0) - 1);
    expect(JSON.parse(`[${text}]`)).toHaveLength(rows);
    second.value?.release();
    expect((await waiting).done).toBe(false);
    await chunks.return(undefined);
  });
});
