/** Placeholder of the contract; see the class below once written. */
import type { Change } from "../sdk/index.ts";

/** A run of live changes taken from the bus; stays valid until committed. */
export interface BusBatch {
  readonly changes: readonly Change[];
  /** Private position of the last change. */
  readonly position: number;
  /** Wire index (epoch milliseconds, strictly increasing) per change. */
  readonly indexes: readonly number[];
  /** Age of the oldest kernel event behind it when it entered the bus, and when that was (monotonic ms). */
  readonly lagMs: number;
  readonly enteredAt: number;
}

/** One pipe's cursor. */
export interface BusSubscription {
  /** The next changes after the last one taken, or undefined when there are none at the moment. */
  take(maxChanges: number, maxBytes: number): BusBatch | undefined;
  /** Resolves when `take` may have something, or the signal aborts. */
  readable(signal: AbortSignal): Promise<void>;
  /** Everything up to the batch was accepted by the far side. */
  commit(batch: BusBatch): void;
  /** Back to the last committed position: what was taken is given out again. */
  rewind(): void;
  readonly backlog: number;
  close(): void;
}
