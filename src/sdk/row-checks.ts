/** What changes and chunks of rows have to look like. Whole batches and chunks: no row is parsed and nothing is copied. */
import type { Change, ChangeBatch, RowChunk } from "./changes.ts";
import { membersOf } from "./members-of.ts";

const isCount = (value: unknown): value is number =>
  typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
const isAmount = (value: unknown): value is number => typeof value === "number" && Number.isFinite(value) && value >= 0;

const OPERATIONS: ReadonlySet<unknown> = new Set(["insert", "update", "delete"]);

function changeDefect(change: Change | null | undefined): string | undefined {
  if (typeof change !== "object" || change === null) return "a change that is no object";
  if (!OPERATIONS.has(change.op)) return `a change whose "op" is neither insert, update nor delete`;
  if (typeof change.key !== "string") return `a change without a "key"`;
  if (typeof change.row !== "object" || change.row === null) return `a change without a "row"`;
  if (!Number.isFinite(change.sequence)) return `a change whose "sequence" is no number`;
  if (typeof change.isContainer !== "boolean") return `a change whose "isContainer" is neither true nor false`;
  if (change.position !== undefined && typeof change.position !== "string")
    return `a change whose "position" is no text`;
  if (change.table !== undefined && typeof change.table !== "string") return `a change whose "table" is no text`;
  return undefined;
}

export function batchDefect(batch: ChangeBatch): string | undefined {
  const { changes, sizeBytes, lagMs } = membersOf(batch);
  if (!Array.isArray(changes)) return `a batch whose "changes" is no list`;
  if (!isAmount(sizeBytes)) return `a batch whose "sizeBytes" is no number`;
  if (!isAmount(lagMs)) return `a batch whose "lagMs" is no number`;
  for (const change of changes) {
    const wrong = changeDefect(change);
    if (wrong !== undefined) return wrong;
  }
  return undefined;
}

const OPEN = "{".charCodeAt(0);
const CLOSE = "}".charCodeAt(0);

/** Rows are one after the other in the buffer, and each looks like a JSON object from outside. */
function offsetsDefect(rowCount: number, offsets: Uint32Array, buffer: Uint8Array): string | undefined {
  if (offsets[0] !== 0) return "a chunk whose first row does not begin with the buffer";
  for (let row = 0; row < rowCount; row++) {
    const begin = offsets[row] ?? 0;
    const end = (offsets[row + 1] ?? 0) - 1;
    if (end <= begin || end > buffer.byteLength) return "a chunk whose row offsets do not fit its buffer";
    if (buffer[begin] !== OPEN || buffer[end - 1] !== CLOSE) return "a chunk with a row that is no JSON object";
  }
  return undefined;
}

function groupsDefect(rowCount: number, firstRows: Uint32Array): string | undefined {
  if (firstRows.length === 0 || firstRows[0] !== 0) return "a chunk whose first group does not begin with row 0";
  for (let group = 1; group < firstRows.length; group++) {
    if ((firstRows[group] ?? 0) <= (firstRows[group - 1] ?? 0)) return "a chunk whose groups do not ascend";
  }
  return (firstRows.at(-1) ?? 0) < rowCount ? undefined : "a chunk with a group that has no rows";
}

export function chunkDefect(chunk: RowChunk): string | undefined {
  const { rowCount, buffer, rowOffsets, rowFlags, groupFirstRow, groupSequence, table } = membersOf(chunk);
  if (!isCount(rowCount) || rowCount === 0) return `a chunk whose "rowCount" is no number above 0`;
  if (!(buffer instanceof Uint8Array)) return `a chunk whose "buffer" is no Uint8Array`;
  if (!(rowOffsets instanceof Uint32Array) || rowOffsets.length < rowCount + 1) {
    return `a chunk whose "rowOffsets" does not hold rowCount + 1 numbers`;
  }
  if (!(rowFlags instanceof Uint8Array) || rowFlags.length < rowCount) {
    return `a chunk whose "rowFlags" does not hold a byte for each row`;
  }
  if (!(groupFirstRow instanceof Uint32Array)) return `a chunk whose "groupFirstRow" is no Uint32Array`;
  if (!(groupSequence instanceof Float64Array) || groupSequence.length < groupFirstRow.length) {
    return `a chunk whose "groupSequence" does not hold a number for each group`;
  }
  if (typeof membersOf(chunk).groupContainer !== "function") return `a chunk without "groupContainer"`;
  if (typeof membersOf(chunk).release !== "function") return `a chunk without "release"`;
  if (table !== undefined && typeof table !== "string") return `a chunk whose "table" is no text`;
  return groupsDefect(rowCount, groupFirstRow) ?? offsetsDefect(rowCount, rowOffsets, buffer);
}
