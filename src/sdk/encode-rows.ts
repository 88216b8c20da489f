/** Rows in bulk for sources that are no native engine: objects to the bytes that go on the wire. */
import type { Row, RowChunk } from "./changes.ts";

export interface EncodeOptions {
  /** The source's clock just before the first of the rows was read. */
  readonly sequence: number;
  /** As in {@link RowChunk.table}. */
  readonly table?: string;
  /** Called when the receiver has answered, with the buffer: for a source that counts what it has handed out. */
  readonly onRelease?: (buffer: Uint8Array) => void;
}

const encoder = new TextEncoder();

/**
 * One chunk of rows that were read together, at least one. The members of a row keep their order; one that JSON does not know is left out.
 *
 * The source bounds the chunks that it has handed out and that are not released: nothing else slows it down.
 */
export function encodeRows(rows: readonly Row[], { sequence, table, onRelease }: EncodeOptions): RowChunk {
  if (rows.length === 0) throw new RangeError("a chunk holds at least one row");
  const texts = rows.map((row) => JSON.stringify(row));
  const buffer = encoder.encode(texts.join(","));
  let isOut = true;
  return {
    rowCount: rows.length,
    buffer,
    rowOffsets: offsetsOf(texts),
    groupFirstRow: Uint32Array.of(0),
    groupSequence: Float64Array.of(sequence),
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
