/** What a pipe sees of the bus: its cursor, and what comes out of it. */
import type { Change } from "../sdk/index.ts";

/** A run of realtime changes taken from the bus. */
export interface BusBatch {
  readonly kind: "batch";
  readonly changes: readonly Change[];
  /** Number of the batch within its cursor, strictly growing in the order of the first hand-out. */
  readonly ticket: number;
  /** Wire index (epoch milliseconds, strictly increasing) per change. */
  readonly indexes: readonly number[];
  /** Age of the oldest kernel event behind it when it entered the bus, and when that was (monotonic ms). */
  readonly lagMs: number;
  readonly enteredAt: number;
  /** With it the cursor has handed out everything before this place of the chain; absent while older changes wait. */
  readonly upTo?: number;
  /**
   * Once it is committed the source may go on there: everything before is with the receiver. Absent when that cannot be
   * said after this batch.
   */
  readonly position?: string;
}

/** What is known when the stream was opened. */
export interface OpenedFeed {
  readonly positionLost: boolean;
  /** Where the cursor begins, in the source's own words. */
  readonly position?: string;
}

/** Changes are missing, and the receiver needs a snapshot. `take` returns it once for each loss. */
export interface BusLoss {
  readonly kind: "lost";
  readonly reason: string;
}

/**
 * Changes are missing, but only in these directories: the pipe has to send each again, with its children. `take`
 * returns them once.
 */
export interface BusDirty {
  readonly kind: "dirty";
  /** A directory before those in it. */
  readonly directories: readonly string[];
}

/** State of the stream behind the bus. */
export type FeedState =
  | { readonly state: "idle" }
  | { readonly state: "live" }
  /** The stream ended or failed, and the pump is about to open it again. */
  | { readonly state: "failed"; readonly reason: string; readonly failures: number };

/** One pipe's cursor. Only one task may use it at a time. */
export interface BusSubscription {
  /**
   * Opens the source's stream at a committed index (-1 = none) or a position of the source's own, unless the stream runs
   * already. `positionLost`: this cursor does not hold everything after that.
   */
  start(startPosition: number, position?: string): OpenedFeed;
  /** The next changes after those that were taken last, or undefined when there are none at the moment. */
  take(maxChanges: number, maxBytes: number): BusBatch | BusDirty | BusLoss | undefined;
  /** Resolves when `take` may have something, when the feed changed, or when the signal aborts. */
  readable(signal: AbortSignal): Promise<void>;
  /** The receiver accepted everything up to this batch. */
  commit(batch: BusBatch): void;
  /** Goes back to the last committed batch: `take` hands out again what it handed out since, in the same batches. */
  rewind(): void;
  /** Changes not yet committed. */
  readonly backlog: number;
  /** When the oldest of them entered the bus (monotonic ms). */
  readonly oldestEnteredAt: number | undefined;
  /** The source could start its stream where it was first asked to, and this cursor gets all of it. */
  readonly isWhole: boolean;
  /** `take` would return nothing. */
  readonly isEmpty: boolean;
  /** Index of the last committed change; before the first commit an index below that of every later change. */
  readonly committedIndex: number;
  readonly feed: FeedState;
  close(): void;
}
