/**
 * The bus between one source and its pipes, behind interfaces: what a pipe sees of it is its cursor, and what comes out
 * of that. `createAgent` takes another bus in place of the agent's own; {@link describeEventBus} of
 * `fustor-agent/sdk/testing` tries its rules.
 */
import type { Change, ChangeBatch } from "./changes.ts";

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
  /** The newest mark of the source, once everything before it was accepted. Absent: no run goes on after a kill. */
  readonly reached?: string | undefined;
  close(): void;
}

export interface BusLimits {
  readonly maxChanges: number;
  readonly maxBytes: number;
  /** How many keys a cursor that was cut off may hold, within `maxBytes`. Default four times `maxChanges`. */
  readonly maxCoalesced?: number;
  /** How many directories the changes beyond that may collapse into. Default 0: they are lost. */
  readonly maxDirty?: number;
  /**
   * False: the last state of a key does not stand for its changes, so that a cursor which is cut off has lost them.
   * Default true.
   */
  readonly lastStateIsEnough?: boolean;
}

export interface BusStatus {
  readonly subscribers: number;
  /** Held in the shared chain for the slowest attached cursor. */
  readonly heldChanges: number;
  readonly heldBytes: number;
  /** How often a cursor was cut off. */
  readonly overflows: number;
  /** How many changes went through a backlog of a cursor that was cut off. */
  readonly coalesced: number;
  /** How often the changes of a cursor collapsed into directories. */
  readonly collapses: number;
  /** How often a cursor lost changes. */
  readonly losses: number;
  readonly lastIndex: number;
  readonly feed: FeedState;
}

/** Opens the source's stream. */
export type OpenFeed = (startPosition: number, position: string | undefined) => OpenedFeed;

/** Told of the newest change that every pipe has had accepted, with all before it. */
export type OnSettled = (change: Change) => void;

/**
 * The realtime changes of one source on their way to its pipes: one writer, and a cursor for each pipe. The order is that
 * of arrival. A slow pipe never holds up the writer or another pipe: beyond the limits its changes become fewer, or lost,
 * and its cursor says so.
 */
export interface EventBus {
  /** Makes a cursor that gets everything that is published from now on. */
  subscribe(): BusSubscription;
  /** Never waits, never fails. */
  publish(batch: ChangeBatch): void;
  /** The source lost changes and does not know which: every cursor reports a loss. */
  reportLoss(reason: string): void;
  setFeed(feed: FeedState): void;
  /** The stream begins at this position of the source's own. */
  beginsAt(position: string | undefined): void;
  /** Wire index of the newest change. */
  readonly lastIndex: number;
  /** Where a stream that was interrupted goes on. Undefined for a source without positions of its own. */
  readonly lastPosition: string | undefined;
  status(): BusStatus;
}

export interface EventBusSettings {
  readonly limits: BusLimits;
  /** Monotonic milliseconds, and epoch milliseconds that may step in either direction. */
  readonly clock: { now(): number; wallClock(): number };
  /** For the first cursor that starts. */
  readonly openFeed: OpenFeed;
  /** Absent: nobody asks what the receivers have accepted. */
  readonly onSettled?: OnSettled;
}

/** Called once for each source that is opened. */
export type CreateEventBus = (settings: EventBusSettings) => EventBus;
