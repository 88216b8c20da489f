/** Chunks of rows whose text a test writes itself, byte by byte. */
import type { RowChunk } from "../../src/sdk/index.ts";

/** One group, read at the source's moment 1. What stands behind the last row is no part of it. */
export function chunkOf(texts: readonly string[]): RowChunk {
  const rowOffsets = new Uint32Array(texts.length + 1);
  texts.forEach((text, i) => {
    rowOffsets[i + 1] = (rowOffsets[i] as number) + Buffer.byteLength(text) + 1;
  });
  return {
    rowCount: texts.length,
    buffer: Buffer.from(`${texts.join(",")}#`),
    rowOffsets,
    rowFlags: new Uint8Array(texts.length),
    groupFirstRow: Uint32Array.of(0),
    groupSequence: Float64Array.of(1),
    groupContainer: () => undefined,
    release: () => undefined,
  };
}
