import type { FusionClock } from "./fusion-clock.ts";

export interface LogicalClockDump {
  /** The oldest first. */
  readonly samples: readonly number[];
  readonly skew: number;
  readonly skewCount: number;
  readonly stale: boolean;
}

/** How many of the latest samples the clock uses. */
const WINDOW = 10_000;

/**
 * Fusion's idea of "now" on the file server: its own wall clock minus the most common difference between that clock and
 * the modification times of realtime rows.
 *
 * Differences are whole seconds, truncated towards zero; of equally common ones the smallest counts. So a stream of
 * rows with old times (an unpacked archive) moves this clock back, and deletions processed then are stamped in the
 * past.
 */
export class LogicalClock {
  readonly #clock: FusionClock;
  readonly #ring: Float64Array;
  readonly #counts = new Map<number, number>();
  #filled = 0;
  #next = 0;
  #skew = 0;
  #skewCount = 0;
  /** One of the most common samples has left the window, so another difference may be the most common now. */
  #stale = false;

  /** `window`: how many of the latest samples count. */
  constructor(clock: FusionClock, window = WINDOW) {
    this.#clock = clock;
    this.#ring = new Float64Array(window);
  }

  /** Takes the modification time of a realtime row, in seconds. */
  sample(modifiedSeconds: number): void {
    const skew = Math.trunc(this.#clock.wallSeconds() - modifiedSeconds);
    if (this.#filled === this.#ring.length) this.#forget(this.#ring[this.#next] as number);
    else this.#filled++;
    this.#ring[this.#next] = skew;
    this.#next = (this.#next + 1) % this.#ring.length;
    const count = (this.#counts.get(skew) ?? 0) + 1;
    this.#counts.set(skew, count);
    this.#consider(skew, count);
  }

  /** Seconds since 1970. */
  now(): number {
    if (this.#stale) this.#recount();
    return this.#clock.wallSeconds() - this.#skew;
  }

  dump(): LogicalClockDump {
    const { length } = this.#ring;
    const first = this.#next - this.#filled + length;
    return {
      samples: Array.from({ length: this.#filled }, (_, at) => this.#ring[(first + at) % length] as number),
      skew: this.#skew,
      skewCount: this.#skewCount,
      stale: this.#stale,
    };
  }

  restore({ samples, skew, skewCount, stale }: LogicalClockDump): void {
    this.reset();
    this.#ring.set(samples);
    this.#filled = samples.length;
    this.#next = samples.length % this.#ring.length;
    for (const sample of samples) this.#counts.set(sample, (this.#counts.get(sample) ?? 0) + 1);
    this.#skew = skew;
    this.#skewCount = skewCount;
    this.#stale = stale;
  }

  reset(): void {
    this.#counts.clear();
    this.#filled = 0;
    this.#skew = 0;
    this.#skewCount = 0;
  }

  #forget(skew: number): void {
    const count = (this.#counts.get(skew) ?? 1) - 1;
    if (count === 0) this.#counts.delete(skew);
    else this.#counts.set(skew, count);
    if (skew === this.#skew) this.#stale = true;
  }

  #recount(): void {
    this.#skewCount = 0;
    for (const [skew, count] of this.#counts) this.#consider(skew, count);
    this.#stale = false;
  }

  #consider(skew: number, count: number): void {
    if (count < this.#skewCount || (count === this.#skewCount && skew > this.#skew)) return;
    this.#skew = skew;
    this.#skewCount = count;
  }
}
