/** A place in the chain of segments of a bus: from where a cursor that has kept up takes its changes. */
import type { Change } from "../sdk/index.ts";
import { bytesPerChange, type Segment } from "./segment.ts";

/** What was taken from one place on, with the lag and the time of entry of the oldest among them. */
export interface Taken {
  readonly changes: readonly Change[];
  readonly indexes: readonly number[];
  readonly lagMs: number;
  readonly enteredAt: number;
}

export class ChainPlace {
  #segment: Segment;
  /** Of the change in the segment that comes next; may be the segment's length. */
  #offset: number;

  constructor(segment: Segment, offset: number) {
    this.#segment = segment;
    this.#offset = offset;
  }

  /** Behind everything that was published. */
  static atEndOf(tail: Segment): ChainPlace {
    return new ChainPlace(tail, tail.changes.length);
  }

  /** The number of changes before it. */
  get position(): number {
    return this.#segment.firstPosition + this.#offset;
  }

  /** Bytes of the chain before it, to the segment. */
  get bytesBefore(): number {
    const { bytesBefore, sizeBytes, changes } = this.#segment;
    return bytesBefore + (this.#offset >= changes.length ? sizeBytes : 0);
  }

  /** The segment that holds the next change; undefined when all were taken. */
  get next(): Segment | undefined {
    return this.#offset < this.#segment.changes.length ? this.#segment : this.#segment.next;
  }

  /** The segments from here to the end of the chain, each with the offset of its first change that was not taken. */
  *rest(): Generator<{ readonly segment: Segment; readonly from: number }> {
    let from = this.#offset;
    for (let segment: Segment | undefined = this.#segment; segment !== undefined; segment = segment.next) {
      yield { segment, from };
      from = 0;
    }
  }

  /** Moves on by what it hands out; undefined when nothing is there. A change above `maxBytes` goes alone. */
  take(maxChanges: number, maxBytes: number): Taken | undefined {
    const changes: Change[] = [];
    const indexes: number[] = [];
    let bytes = 0;
    let oldest: Segment | undefined;
    while (this.#enterNext()) {
      const segment = this.#segment;
      const size = bytesPerChange(segment);
      if (changes.length > 0 && (changes.length >= maxChanges || bytes + size > maxBytes)) break;
      oldest ??= segment;
      changes.push(segment.changes[this.#offset] as Change);
      indexes.push(segment.indexes[this.#offset] as number);
      bytes += size;
      this.#offset++;
    }
    return oldest === undefined ? undefined : { changes, indexes, lagMs: oldest.lagMs, enteredAt: oldest.enteredAt };
  }

  /** Steps over the ends of segments; false at the end of the chain. */
  #enterNext(): boolean {
    while (this.#offset >= this.#segment.changes.length) {
      if (this.#segment.next === undefined) return false;
      this.#segment = this.#segment.next;
      this.#offset = 0;
    }
    return true;
  }
}
