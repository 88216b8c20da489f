/** Rows in bulk as ranges of a chunk: cut, looked into and never copied. */
import type { Row, RowChunk } from "../../sdk/index.ts";

/** The bytes of rows, whatever else is known of them. */
export type RowTexts = Pick<RowChunk, "rowCount" | "buffer" | "rowOffsets" | "table">;

/** Rows `[from, to)` of a chunk; never empty. */
export interface RowRange<Chunk extends RowTexts = RowTexts> {
  readonly chunk: Chunk;
  readonly from: number;
  readonly to: number;
}

const decoder = new TextDecoder();

const startOf = (chunk: RowTexts, row: number): number => chunk.rowOffsets[row] as number;

export const rangeRows = (range: RowRange): number => range.to - range.from;

/** Without the comma or unused byte after the last row. */
export const rangeBytes = (range: RowRange): number =>
  startOf(range.chunk, range.to) - startOf(range.chunk, range.from) - 1;

export const rangeSlice = (range: RowRange): Uint8Array =>
  range.chunk.buffer.subarray(startOf(range.chunk, range.from), startOf(range.chunk, range.to) - 1);

export const rowText = (chunk: RowTexts, row: number): string =>
  decoder.decode(rangeSlice({ chunk, from: row, to: row + 1 }));

export const parseRow = (chunk: RowTexts, row: number): Row => JSON.parse(rowText(chunk, row)) as Row;

export const parseRange = (range: RowRange): Row[] => JSON.parse(`[${decoder.decode(rangeSlice(range))}]`) as Row[];

/**
 * End of the run from `from` with at most so many rows and bytes, but at least one row; `limit` is the last end
 * possible.
 */
export function fitRows(chunk: RowTexts, from: number, limit: number, maxRows: number, maxBytes: number): number {
  let low = from + 1;
  let high = Math.max(low, Math.min(limit, from + maxRows));
  const start = startOf(chunk, from);
  while (low < high) {
    const middle = (low + high + 1) >>> 1;
    if (startOf(chunk, middle) - start <= maxBytes) low = middle;
    else high = middle - 1;
  }
  return low;
}

/** Splits ranges into two halves of equal row count; undefined for a single row. */
export function halveRanges(ranges: readonly RowRange[]): readonly [RowRange[], RowRange[]] | undefined {
  const total = ranges.reduce((sum, range) => sum + rangeRows(range), 0);
  if (total < 2) return undefined;
  const first: RowRange[] = [];
  const second: RowRange[] = [];
  let room = Math.floor(total / 2);
  for (const range of ranges) {
    const cut = Math.min(range.to, range.from + room);
    if (cut > range.from) first.push({ ...range, to: cut });
    if (cut < range.to) second.push({ ...range, from: cut });
    room -= cut - range.from;
  }
  return [first, second];
}
