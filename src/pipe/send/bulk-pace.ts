/**
 * How much one POST of rows in bulk may hold: everything that the limits allow, and less while live changes come.
 *
 * There is one POST in flight, so a change that comes at the worst moment waits for a whole one. While live changes
 * were sent a moment ago, a POST of bulk rows is therefore cut to what the receiver lately took in the time that a POST
 * of live changes takes: beside a snapshot a change arrives at most about twice as late as without. On a receiver a
 * long way off both take a round trip at least, and the batches are large again. Changes that are late already gain
 * nothing from it: the few batches that pass then are whole ones.
 */
import type { BatchSize } from "./work-item.ts";

/** So long live changes are expected to go on. */
const LIVE_MEMORY_MS = 1_000;
/** Below that, a POST costs more for being one than for what it holds. */
const SHORTEST_MS = 1;
const LEAST_BYTES = 64 * 1024;
/** Before anything was measured. */
const FIRST_BYTES = 256 * 1024;
/** Of the newest measurement in the running mean. */
const WEIGHT = 0.1;
/**
 * Of a live POST that took longer than the mean: most of those waited for something, for a POST of bulk rows above all.
 */
const SLOW_WEIGHT = 0.01;

const blend = (mean: number | undefined, sample: number, weight = WEIGHT): number =>
  mean === undefined ? sample : mean + weight * (sample - mean);

export class BulkPace implements BatchSize {
  readonly #limits: BatchSize;
  readonly #now: () => number;
  readonly #isLate: () => boolean;
  #liveAt = Number.NEGATIVE_INFINITY;
  #liveMs: number | undefined;
  #bytesPerMs: number | undefined;

  /** `isLate`: live changes are, for another reason than rows in bulk. */
  constructor(limits: BatchSize, now: () => number, isLate: () => boolean) {
    this.#limits = limits;
    this.#now = now;
    this.#isLate = isLate;
  }

  get events(): number {
    return this.#limits.events;
  }

  get eventRows(): number {
    return this.#limits.eventRows;
  }

  get bytes(): number {
    const { bytes } = this.#limits;
    if (this.#isLate() || this.#now() - this.#liveAt >= LIVE_MEMORY_MS) return bytes;
    const fitting =
      this.#bytesPerMs === undefined ? FIRST_BYTES : this.#bytesPerMs * Math.max(this.#liveMs ?? 0, SHORTEST_MS);
    return Math.min(bytes, Math.max(LEAST_BYTES, Math.floor(fitting)));
  }

  /** A POST of live changes was answered after so long. */
  noteLive(tookMs: number): void {
    this.#liveAt = this.#now();
    this.#liveMs = blend(this.#liveMs, tookMs, tookMs > (this.#liveMs ?? 0) ? SLOW_WEIGHT : WEIGHT);
  }

  /** One of rows in bulk. */
  noteBulk(bytes: number, tookMs: number): void {
    if (bytes < LEAST_BYTES / 2) return; // shows the round trip alone
    this.#bytesPerMs = blend(this.#bytesPerMs, bytes / Math.max(tookMs, 0.1));
  }
}
