import type { BulkRows, RowChunk } from "../../sdk/index.ts";

/** The chunks, and how many rows of them were handed out. */
export function countedRows(source: AsyncIterable<RowChunk>, expectedRows: number | undefined): BulkRows {
  let rows = 0;
  async function* counted(): AsyncGenerator<RowChunk> {
    for await (const chunk of source) {
      rows += chunk.rowCount;
      yield chunk;
    }
  }
  return { chunks: counted(), progress: () => (expectedRows === undefined ? { rows } : { rows, expectedRows }) };
}
