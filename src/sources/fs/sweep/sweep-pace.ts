/** How fast a sweep may go. Pure but for the clock that is handed in. */

export interface SweepLimits {
  /** 0 = none. */
  readonly entriesPerSecond: number;
  readonly bytesPerSecond: number;
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

  /** Milliseconds to wait before the next task. */
  charge(looks: number, bytes: number): number {
    const { entriesPerSecond, bytesPerSecond } = this.#limits;
    const forLooks = entriesPerSecond === 0 ? 0 : (looks * 1000) / entriesPerSecond;
    const forBytes = bytesPerSecond === 0 ? 0 : (bytes * 1000) / bytesPerSecond;
    const now = this.#now();
    this.#paidUntil = Math.max(this.#paidUntil, now) + Math.max(forLooks, forBytes);
    return this.#paidUntil - now;
  }
}
