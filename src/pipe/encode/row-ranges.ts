/** Rows in bulk as ranges of a chunk: cut, looked into and never copied. */
import type { Row, RowChunk } from "../../sdk/index.ts";

/** Rows `[from, to)` of a chunk; never empty. */
export interface RowRange {
  readonly chunk: RowChunk;
  readonly from: number;
  readonly to: number;
}

const decoder = new TextDecoder();
const PATH_HEAD = new TextEncoder().encode('{"path":"');
const QUOTE = 0x22;
const BACKSLASH = 0x5c;

const startOf = (chunk: RowChunk, row: number): number => chunk.rowOffsets[row] as number;

export const rangeRows = (range: RowRange): number => range.to - range.from;

/** Without the comma or unused byte after the last row. */
export const rangeBytes = (range: RowRange): number =>
  startOf(range.chunk, range.to) - startOf(range.chunk, range.from) - 1;

export const rangeSlice = (range: RowRange): Uint8Array =>
  range.chunk.buffer.subarray(startOf(range.chunk, range.from), startOf(range.chunk, range.to) - 1);

export const rowText = (chunk: RowChunk, row: number): string =>
  decoder.decode(rangeSlice({ chunk, from: row, to: row + 1 }));

export const parseRow = (chunk: RowChunk, row: number): Row => JSON.parse(rowText(chunk, row)) as Row;

/**
 * The `path` member of a row, undefined when it has none. Fast when it comes first and holds nothing that JSON escapes.
 */
export function rowPath(chunk: RowChunk, row: number): string | undefined {
  const { buffer } = chunk;
  const start = startOf(chunk, row);
  const end = startOf(chunk, row + 1) - 1;
  const text = start + PATH_HEAD.length;
  let plain = text < end && PATH_HEAD.every((byte, i) => buffer[start + i] === byte);
  for (let at = text; plain && at < end; at++) {
    if (buffer[at] === QUOTE) return decoder.decode(buffer.subarray(text, at));
    if (buffer[at] === BACKSLASH) plain = false;
  }
  const { path } = parseRow(chunk, row);
  return typeof path === "string" ? path : undefined;
}

const CREATED = new TextEncoder().encode('"created_time":');
const DIGIT_0 = 0x30;
/** `.nnnnnnnnn,"is_directory":true}`, or with `false`. */
const CREATED_TAILS = [10 + ',"is_directory":true}'.length, 10 + ',"is_directory":false}'.length] as const;

/**
 * Whole seconds of `created_time`, without parsing the row when its members stand as the fs source writes them.
 * Undefined when it has none.
 */
export function rowCreatedSeconds(chunk: RowChunk, row: number): number | undefined {
  const { buffer } = chunk;
  const end = startOf(chunk, row + 1) - 1;
  for (const tail of CREATED_TAILS) {
    const point = end - tail;
    if (buffer[point] !== 0x2e) continue;
    let first = point;
    while (first > 0 && isDigit(buffer[first - 1] as number)) first--;
    if (first === point || !CREATED.every((byte, i) => buffer[first - CREATED.length + i] === byte)) continue;
    let seconds = 0;
    for (let at = first; at < point; at++) seconds = seconds * 10 + (buffer[at] as number) - DIGIT_0;
    return seconds;
  }
  const { created_time: created } = parseRow(chunk, row);
  return typeof created === "number" ? Math.floor(created) : undefined;
}

/**
 * Rows that may have a `created_time` between these epoch seconds, ascending, and perhaps others: those whose digits
 * begin as those of both do. Rows whose members do not stand as the fs source writes them are not found. Does not look
 * at rows one by one.
 */
export function rowsCreatedAbout(chunk: RowChunk, since: number, until: number): number[] {
  const needle = `,"created_time":${sharedHead(String(Math.floor(since)), String(Math.floor(until)))}`;
  const end = startOf(chunk, chunk.rowCount);
  const text = Buffer.from(chunk.buffer.buffer, chunk.buffer.byteOffset, Math.min(end, chunk.buffer.byteLength));
  const rows: number[] = [];
  for (let at = text.indexOf(needle, 0, "latin1"); at >= 0; at = text.indexOf(needle, at, "latin1")) {
    const row = rowAt(chunk, at);
    rows.push(row);
    at = startOf(chunk, row + 1);
  }
  return rows;
}

function sharedHead(one: string, other: string): string {
  if (one.length !== other.length) return "";
  let length = 0;
  while (length < one.length && one[length] === other[length]) length++;
  return one.slice(0, length);
}

/** The row that this byte belongs to. */
function rowAt(chunk: RowChunk, byte: number): number {
  let low = 0;
  let high = chunk.rowCount - 1;
  while (low < high) {
    const middle = (low + high + 1) >>> 1;
    if (startOf(chunk, middle) <= byte) low = middle;
    else high = middle - 1;
  }
  return low;
}

const isDigit = (byte: number): boolean => byte >= DIGIT_0 && byte <= DIGIT_0 + 9;

/**
 * End of the run from `from` with at most so many rows and bytes, but at least one row; `limit` is the last end
 * possible.
 */
export function fitRows(chunk: RowChunk, from: number, limit: number, maxRows: number, maxBytes: number): number {
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
