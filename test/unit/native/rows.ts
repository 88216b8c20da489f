import type { NativeChunk, NativeScan } from "../../../src/native/scan.ts";
import type { FsRow } from "../../../src/sdk/index.ts";
import type { TreeEntry } from "../../support/disk-tree.ts";

/** The rows of a chunk, cut by its offsets one by one. */
export function rowsOf(chunk: Pick<NativeChunk, "buffer" | "rowCount" | "rowOffsets">): FsRow[] {
  const rows: FsRow[] = [];
  for (let row = 0; row < chunk.rowCount; row++) {
    const text = chunk.buffer.toString("utf8", chunk.rowOffsets[row], (chunk.rowOffsets[row + 1] ?? 0) - 1);
    rows.push(JSON.parse(text) as FsRow);
  }
  return rows;
}

/** Everything until the end; every chunk is released. */
export async function readScan(scan: NativeScan): Promise<FsRow[]> {
  const rows: FsRow[] = [];
  for (let chunk = await scan.next(); chunk !== null; chunk = await scan.next()) {
    rows.push(...rowsOf(chunk));
    scan.release(chunk.slot);
  }
  return rows;
}

export const entryOf = (row: FsRow): TreeEntry => ({
  kind: row.is_directory ? "directory" : "file",
  size: row.size,
  mtime: row.modified_time,
  ctime: row.created_time,
});
