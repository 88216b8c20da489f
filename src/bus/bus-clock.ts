/** Clocks, timers and random numbers of the bus, passed in so that tests control them. */
export interface BusClock {
  /** Monotonic milliseconds. */
  now(): number;
  /** Epoch milliseconds; may step in either direction. */
  wallClock(): number;
  /** [0, 1) */
  random(): number;
  /** Calls back once after `delayMs`. The returned function cancels that, and does nothing afterwards. */
  setTimer(delayMs: number, callback: () => void): () => void;
}

/** Resolves after the time or when the signal aborts, whichever is first. Never rejects. */
export function sleep(clock: Pick<BusClock, "setTimer">, delayMs: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const done = (): void => {
      cancel();
      signal.removeEventListener("abort", done);
      resolve();
    };
    const cancel = clock.setTimer(delayMs, done);
    signal.addEventListener("abort", done);
  });
}

/**
 * True when the promise resolves within the time; after it the call returns false. Rejects when the promise
 * rejects in time.
 */
export async function endsWithin(
  clock: Pick<BusClock, "setTimer">,
  boundMs: number,
  promise: Promise<unknown>,
): Promise<boolean> {
  let cancelTimer = (): void => undefined;
  const bound = new Promise<boolean>((resolve) => {
    cancelTimer = clock.setTimer(boundMs, () => resolve(false));
  });
  try {
    return await Promise.race([promise.then(() => true), bound]);
  } finally {
    cancelTimer();
  }
}
