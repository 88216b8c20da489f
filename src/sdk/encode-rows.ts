/** Rows in bulk for sources that are no native engine: objects to the bytes that go on the wire. */
import { type Row, type RowChunk, RowFlag } from "./changes.ts";
import { parentKey } from "./parent-key.ts";

export interface EncodeOptions {
  /** The source's clock just before the first of the rows was read. */
  readonly sequence: number;
  /** As in {@link RowChunk.table}. */
  readonly table?: string;
  /** Which rows carry {@link RowFlag.strong}. Absent: none. */
  readonly isStrong?: (row: Row) => boolean;
  /** Called when the receiver has answered, with the buffer: for a source that counts what it has handed out. */
  readonly onRelease?: (buffer: Uint8Array) => void;
}

const encoder = new TextEncoder();

/**
 * One chunk of rows that were read together, at least one. The members of a row keep their order; one that JSON does not know is left out.
 * Neighbouring rows whose `path` lies in the same directory are a group.
 *
 * The source bounds the chunks that it has handed out and that are not released: nothing else slows it down.
 */
export function encodeRows(rows: readonly Row[], options: EncodeOptions): RowChunk {
  if (rows.length === 0) throw new RangeError("a chunk holds at least one row");
  const { sequence, table, onRelease } = options;
  const texts = rows.map((row) => JSON.stringify(row));
  const buffer = encoder.encode(texts.join(","));
  const groups = groupsOf(rows);
  let isOut = true;
  return {
    rowCount: rows.length,
    buffer,
    rowOffsets: offsetsOf(texts),
    rowFlags: Uint8Array.from(rows, (row) => flagsOf(row, options)),
    groupFirstRow: Uint32Array.from(groups, ({ firstRow }) => firstRow),
    groupSequence: new Float64Array(groups.length).fill(sequence),
    groupContainer: (group) => groups[group]?.container,
    ...(table === undefined ? {} : { table }),
    release: () => {
      if (isOut) onRelease?.(buffer);
      isOut = false;
    },
  };
}

/** Where each row begins, and where one after the last would. */
function offsetsOf(texts: readonly string[]): Uint32Array {
  const offsets = new Uint32Array(texts.length + 1);
  let end = 0;
  for (const [row, text] of texts.entries()) {
    end += Buffer.byteLength(text) + 1;
    offsets[row + 1] = end;
  }
  return offsets;
}

function flagsOf(row: Row, { isStrong }: EncodeOptions): number {
  if (row.audit_skipped === true) return RowFlag.skipped;
  return isStrong?.(row) === true ? RowFlag.strong : 0;
}

/** As in {@link RowChunk.groupContainer}. */
const containerOf = (path: string): string => parentKey(path) ?? (path === "/" ? "/" : "");

interface Group {
  readonly firstRow: number;
  readonly container: string | undefined;
}

function groupsOf(rows: readonly Row[]): Group[] {
  const groups: Group[] = [];
  for (const [firstRow, { path }] of rows.entries()) {
    const container = typeof path === "string" ? containerOf(path) : undefined;
    if (groups.length === 0 || groups.at(-1)?.container !== container) groups.push({ firstRow, container });
  }
  return groups;
}
