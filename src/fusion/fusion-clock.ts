/** The two clocks of the embedded Fusion, passed in so that tests can move time. */
export interface FusionClock {
  /** Seconds since 1970 with fraction: what is compared with modification times. */
  wallSeconds(): number;
  /** Milliseconds that never go back: what timeouts are measured with. */
  monotonicMs(): number;
}

export const systemClock: FusionClock = {
  wallSeconds: () => Date.now() / 1000,
  monotonicMs: () => performance.now(),
};
