import type { Batch } from "./batch.ts";

/**
 * What the scheduler sends next: delivered as a whole before the next one starts. Exactly one of the two is called
 * at the end.
 */
export interface WorkItem {
  readonly batches: readonly Batch[];
  /** It must not be sent any further. */
  isCancelled(): boolean;
  /** Everything was accepted or set aside. */
  delivered(): void;
  /** It was given up; nothing of it is in flight any more. */
  abandoned(): void;
}

export interface BatchSize {
  /** Events in one POST. */
  readonly events: number;
  /** Rows in one event. */
  readonly eventRows: number;
  /** Bytes of one POST, about. */
  readonly bytes: number;
}
