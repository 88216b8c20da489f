/** Rows in bulk for a source that has objects: chunks of them, paced by the receiver. */
import type { Row, RowChunk } from "./changes.ts";
import { encodeRows } from "./encode-rows.ts";
import { FustorError } from "./errors.ts";
import { Signal } from "./signal.ts";
import type { BulkRows } from "./source-driver.ts";

export interface BulkRowsOptions {
  readonly signal: AbortSignal;
  /** The source's clock, read before the rows of a chunk are pulled: comparable with the sequence of changes. */
  readonly sequence: () => number;
  /** As in {@link RowChunk.table}. */
  readonly table?: string;
  /** Rows of a chunk. Default 500. */
  readonly chunkRows?: number;
  /** Chunks that may be on their way at once; then the source waits. Default 8. */
  readonly chunksOut?: number;
  /** How many rows there will be, when that is known. */
  readonly expectedRows?: number;
  /** Which rows carry the flag `strong`. Default none. */
  readonly isStrong?: (row: Row) => boolean;
  /** The first row is handed over alone, and the others after this resolved: for audits and rescans. */
  readonly opened?: Promise<void>;
}

/** The rows as the pipe takes them. The iteration of the rows is ended when the receiver wants no more of them. */
export function bulkRows(rows: AsyncIterable<Row> | Iterable<Row>, options: BulkRowsOptions): BulkRows {
  const { expectedRows } = options;
  const progress = { rows: 0 };
  return {
    chunks: chunksOf(rows, options, progress),
    progress: () => (expectedRows === undefined ? { ...progress } : { ...progress, expectedRows }),
  };
}

async function* chunksOf(
  rows: AsyncIterable<Row> | Iterable<Row>,
  options: BulkRowsOptions,
  progress: { rows: number },
): AsyncGenerator<RowChunk, void, undefined> {
  const { signal, sequence, table, chunkRows = 500, chunksOut = 8, isStrong, opened } = options;
  const freed = new Signal();
  let out = 0;
  const onRelease = (): void => {
    out--;
    freed.raise();
  };
  const chunkOf = async (group: readonly Row[], before: number): Promise<RowChunk> => {
    while (out >= chunksOut && !signal.aborted) await freed.wait(signal);
    throwIfAborted(signal);
    out++;
    progress.rows += group.length;
    const facts = { ...(table === undefined ? {} : { table }), ...(isStrong === undefined ? {} : { isStrong }) };
    return encodeRows(group, { sequence: before, onRelease, ...facts });
  };
  let group: Row[] = [];
  let before = sequence();
  let wanted = opened === undefined ? chunkRows : 1;
  for await (const row of rows) {
    throwIfAborted(signal);
    group.push(row);
    if (group.length < wanted) continue;
    yield await chunkOf(group, before);
    if (opened !== undefined && wanted === 1) await openedOrAborted(opened, signal);
    wanted = chunkRows;
    group = [];
    before = sequence();
  }
  if (group.length > 0) yield await chunkOf(group, before);
}

function throwIfAborted(signal: AbortSignal): void {
  if (signal.aborted) throw new FustorError("FUSTOR_ABORTED", "the rows are not wanted any more");
}

async function openedOrAborted(opened: Promise<void>, signal: AbortSignal): Promise<void> {
  const over = new Signal();
  void opened.then(() => over.raise());
  await over.wait(signal);
  throwIfAborted(signal);
}
