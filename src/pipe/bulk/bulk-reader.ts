/**
 * One pass over everything there is: pulls chunks from the source a little ahead of the scheduler and cuts batches out
 * of them.
 *
 * Chunks belong to a small pool of the source. Each is released exactly once: when the item that held its last row was
 * settled, or when the pass is dropped, but never while a batch with rows of it is in flight.
 */
import { type BulkRows, type CallOptions, type Row, type RowChunk, RowFlag } from "../../sdk/index.ts";
import { Signal } from "../../sdk/signal.ts";
import { fitRows, parseRange, parseRow, type RowRange, rangeBytes } from "../encode/row-ranges.ts";
import type { TombstonesInBulk } from "../receiver/tombstones.ts";
import type { BatchSize } from "../send/work-item.ts";
import type { SupersededView } from "./superseded.ts";

/** Pulled and not yet sent; the rest of the pool is the source's. */
const CHUNKS_AHEAD = 3;

type ChunkRange = RowRange<RowChunk>;

/** How far a pass is. */
export interface Progress {
  readonly rows: number;
  readonly expectedRows?: number;
}

/** Rows to be sent together. */
export interface Cut {
  readonly ranges: readonly ChunkRange[];
  /** Rows whose path has a tombstone at the receiver, or may have, or a younger time. */
  readonly lifted: readonly Row[];
  /** To be called once when nothing of the cut is in flight any more. */
  readonly settle: () => void;
}

/** What a cut is made of. */
interface Picked {
  readonly ranges: ChunkRange[];
  readonly lifted: Row[];
}

export type ReadingState =
  | { readonly kind: "reading" }
  | { readonly kind: "done" }
  | { readonly kind: "failed"; readonly error: unknown };

interface Opened {
  readonly chunk: RowChunk;
  /** The next row to be cut, and the group it is in. */
  row: number;
  group: number;
}

/**
 * What becomes of a row that the source calls strong: it is sent in the lifting form, or in that form and as it is. An
 * audit needs both, for it counts only what it was sent as it is.
 */
export type StrongRows = "lifted" | "lifted as well";

export interface ReaderParts {
  readonly open: (options: CallOptions) => BulkRows;
  readonly limits: BatchSize;
  /** Rows to be left out; undefined = none. */
  readonly superseded: SupersededView | undefined;
  readonly tombstones: TombstonesInBulk | undefined;
  /** undefined = no row is strong. */
  readonly strongRows: StrongRows | undefined;
  /** Something changed that `cut` or `reading` show. */
  readonly onProgress: () => void;
}

export class BulkReader {
  readonly #parts: ReaderParts;
  readonly #abort = new AbortController();
  readonly #room = new Signal();
  readonly #queue: Opened[] = [];
  readonly #finished: Promise<void>;
  #bulk: BulkRows | undefined;
  #reading: ReadingState = { kind: "reading" };
  #inFlight = false;
  #rows = 0;

  /** Starts to read when `after` is over. */
  constructor(parts: ReaderParts, after: Promise<void>) {
    this.#parts = parts;
    this.#finished = this.#read(after);
  }

  get reading(): ReadingState {
    return this.#reading;
  }

  get isDropped(): boolean {
    return this.#abort.signal.aborted;
  }

  /** Rows that left the queue, sent or superseded, and how many are expected. */
  progress(): Progress {
    const expectedRows = this.#bulk?.progress().expectedRows;
    return { rows: this.#rows, ...(expectedRows === undefined ? {} : { expectedRows }) };
  }

  /** The next rows, superseded ones left out; undefined when there are none at the moment. One cut at a time. */
  cut(): Cut | undefined {
    while (this.#queue.length > 0) {
      const cut = this.#cutOnce();
      if (cut.ranges.length > 0 || cut.lifted.length > 0) return cut;
      cut.settle();
    }
    return undefined;
  }

  /**
   * Stops reading and gives every chunk back, those in flight when they are settled. Resolves when the source is left
   * alone.
   */
  async drop(): Promise<void> {
    this.#abort.abort();
    if (!this.#inFlight) this.#releaseQueue();
    await this.#finished;
  }

  async #read(after: Promise<void>): Promise<void> {
    const { signal } = this.#abort;
    try {
      await after;
      if (signal.aborted) return;
      this.#bulk = this.#parts.open({ signal });
      for await (const chunk of this.#bulk.chunks) {
        if (signal.aborted || chunk.rowCount === 0) chunk.release();
        else this.#queue.push({ chunk, row: 0, group: 0 });
        this.#parts.onProgress();
        while (this.#queue.length >= CHUNKS_AHEAD && !signal.aborted) await this.#room.wait(signal);
        if (signal.aborted) return;
      }
      if (!signal.aborted) this.#reading = { kind: "done" };
    } catch (error) {
      this.#reading = { kind: "failed", error };
    } finally {
      this.#parts.onProgress();
    }
  }

  #cutOnce(): Cut {
    const { limits } = this.#parts;
    const ranges: ChunkRange[] = [];
    const lifted: Row[] = [];
    const emptied: RowChunk[] = [];
    let rows = limits.events * limits.eventRows;
    let bytes = limits.bytes;
    for (let opened = this.#queue[0]; opened !== undefined && rows > 0 && bytes > 0; opened = this.#queue[0]) {
      const { chunk, row: from } = opened;
      const to = fitRows(chunk, from, chunk.rowCount, rows, bytes);
      const size = rangeBytes({ chunk, from, to });
      if (size > bytes && rows < limits.events * limits.eventRows) break;
      this.#pick(opened, to, { ranges, lifted });
      opened.row = to;
      rows -= to - from;
      bytes -= size;
      this.#rows += to - from;
      if (to === chunk.rowCount) emptied.push((this.#queue.shift() as Opened).chunk);
    }
    this.#inFlight = true;
    return { ranges, lifted, settle: () => this.#settle(emptied) };
  }

  /** The rows from the cursor to `to` that are still worth sending, group by group. */
  #pick(opened: Opened, to: number, picked: Picked): void {
    const { chunk } = opened;
    for (let row = opened.row; row < to; ) {
      const groupEnd = chunk.groupFirstRow[opened.group + 1] ?? chunk.rowCount;
      const end = Math.min(to, groupEnd);
      if (this.#isTouched(chunk, opened.group)) this.#pickTouched(opened, row, end, picked);
      else this.#pickUntouched(chunk, row, end, picked);
      row = end;
      if (end === groupEnd) opened.group++;
    }
  }

  /** Whether any row of the group may be superseded or have a tombstone. */
  #isTouched(chunk: RowChunk, group: number): boolean {
    const { superseded, tombstones } = this.#parts;
    if (superseded?.isEmpty !== false && tombstones?.isEmpty() !== false) return false;
    const container = chunk.groupContainer(group);
    if (container === undefined) return false;
    return superseded?.concerns(container) === true || tombstones?.concerns(container) === true;
  }

  #pickUntouched(chunk: RowChunk, from: number, to: number, picked: Picked): void {
    let begin = from;
    for (let row = from; row < to && this.#parts.strongRows !== undefined; row++) {
      if (!this.#isStrong(chunk, row)) continue;
      addRange(picked.ranges, chunk, begin, row);
      begin = row + 1;
      this.#addStrong(chunk, row, parseRow(chunk, row), picked);
    }
    addRange(picked.ranges, chunk, begin, to);
  }

  #pickTouched({ chunk, group }: Opened, from: number, to: number, picked: Picked): void {
    const { superseded, tombstones } = this.#parts;
    const sequence = chunk.groupSequence[group] ?? 0;
    for (const [i, parsed] of parseRange({ chunk, from, to }).entries()) {
      const row = from + i;
      const path = String(parsed.path);
      if (superseded?.supersedes(path, sequence) === true) continue;
      const isStrong = this.#isStrong(chunk, row) || tombstones?.needsInBulk(path, sequence) === true;
      if (isStrong && !hasFlag(chunk, row, RowFlag.skipped)) this.#addStrong(chunk, row, parsed, picked);
      else addRange(picked.ranges, chunk, row, row + 1);
    }
  }

  #isStrong(chunk: RowChunk, row: number): boolean {
    return this.#parts.strongRows !== undefined && hasFlag(chunk, row, RowFlag.strong);
  }

  /**
   * Not for a directory that could not be listed: the realtime row of the lifting form would take that back, and what
   * lies in the directory would count as gone.
   */
  #addStrong(chunk: RowChunk, row: number, parsed: Row, { ranges, lifted }: Picked): void {
    lifted.push(parsed);
    if (this.#parts.strongRows === "lifted as well") addRange(ranges, chunk, row, row + 1);
  }

  #settle(emptied: readonly RowChunk[]): void {
    this.#inFlight = false;
    for (const chunk of emptied) chunk.release();
    if (this.isDropped) this.#releaseQueue();
    this.#room.raise();
  }

  #releaseQueue(): void {
    for (const { chunk } of this.#queue.splice(0)) chunk.release();
  }
}

const hasFlag = ({ rowFlags }: RowChunk, row: number, flag: number): boolean =>
  ((rowFlags[row] as number) & flag) !== 0;

/** Appends rows, joined to the range before when they follow it. */
function addRange(ranges: ChunkRange[], chunk: RowChunk, from: number, to: number): void {
  if (from === to) return;
  const last = ranges.at(-1);
  if (last !== undefined && last.chunk === chunk && last.to === from)
    ranges[ranges.length - 1] = { chunk, from: last.from, to };
  else ranges.push({ chunk, from, to });
}
