/** How fast a sweep may go. Pure but for the clock that is handed in. */

export interface SweepLimits {
  /** 0 = none. */
  readonly entriesPerSecond: number;
  readonly bytesPerSecond: number;
  /** Of one processor, all workers together. */
  readonly cpuPercent: number;
}

/** What a task did. */
export interface SweepWork {
  readonly looks: number;
  readonly readBytes: number;
  readonly cpuMs: number;
}

/**
 * A sweep that begins by itself takes most of its interval, so that it is hardly felt; it is never faster than the
 * limits, also when it then takes longer than the interval.
 */
export function rotatingLimits(limits: SweepLimits, expected: number, intervalMs: number): SweepLimits {
  const PART = 0.8;
  const gentle = Math.max(1, (expected * 1000) / (intervalMs * PART));
  const { entriesPerSecond: most } = limits;
  return { ...limits, entriesPerSecond: most === 0 ? gentle : Math.min(most, gentle) };
}

/** What was done is paid for afterwards, by waiting. All workers share one pace. */
export class SweepPace {
  readonly #limits: SweepLimits;
  readonly #now: () => number;
  #paidUntil: number;

  constructor(limits: SweepLimits, now: () => number) {
    this.#limits = limits;
    this.#now = now;
    this.#paidUntil = now();
  }

  /** Milliseconds to wait before the next task. The time that the task itself took, from `begunAt` on, counts. */
  charge(work: SweepWork, begunAt: number): number {
    this.#paidUntil = Math.max(this.#paidUntil, begunAt) + priceOf(work, this.#limits);
    return Math.max(0, this.#paidUntil - this.#now());
  }
}

const share = (amount: number, perMs: number): number => (perMs === 0 ? 0 : amount / perMs);

/** In milliseconds: what takes longest by the limits. */
const priceOf = ({ looks, readBytes, cpuMs }: SweepWork, limits: SweepLimits): number =>
  Math.max(
    share(looks, limits.entriesPerSecond / 1000),
    share(readBytes, limits.bytesPerSecond / 1000),
    share(cpuMs, limits.cpuPercent / 100),
  );
