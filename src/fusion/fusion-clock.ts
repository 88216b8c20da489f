/** The two clocks of the embedded Fusion, passed in so that tests can move time. */
export interface FusionClock {
  /** Seconds since 1970 with their fraction, for comparisons with modification times. */
  wallSeconds(): number;
  /** Milliseconds that never go back, for timeouts. */
  monotonicMs(): number;
}

/** When the two clocks are farther apart than this (milliseconds), the fine clock is set by the wall clock again. */
const DRIFT_MS = 2;

let correctionMs = performance.timeOrigin;

/**
 * The wall clock with fractions of a millisecond: `Date.now()` is cut to whole ones, and a tombstone's stamp is
 * compared with the times of files made in the same millisecond.
 */
function wallSeconds(): number {
  const coarse = Date.now();
  const fine = performance.now() + correctionMs;
  if (Math.abs(fine - coarse) <= DRIFT_MS) return fine / 1000;
  correctionMs += coarse - fine;
  return coarse / 1000;
}

export const systemClock: FusionClock = { wallSeconds, monotonicMs: () => performance.now() };
