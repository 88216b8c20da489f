import type { Change } from "../sdk/index.ts";

/** A link of the chain. Only `next` is written after it was made. */
export interface Segment {
  readonly changes: readonly Change[];
  readonly indexes: readonly number[];
  /** Position of its first change: the number of changes before it. */
  readonly firstPosition: number;
  readonly bytesBefore: number;
  readonly sizeBytes: number;
  readonly lagMs: number;
  readonly enteredAt: number;
  next: Segment | undefined;
}

export const startOfChain = (enteredAt: number): Segment => ({
  changes: [],
  indexes: [],
  firstPosition: 0,
  bytesBefore: 0,
  sizeBytes: 0,
  lagMs: 0,
  enteredAt,
  next: undefined,
});

export const bytesPerChange = (segment: Segment): number => segment.sizeBytes / Math.max(1, segment.changes.length);
