/** Time and dice as the bus needs them, passed in so that tests own them. */
export interface BusClock {
  /** Monotonic milliseconds. */
  now(): number;
  /** Epoch milliseconds; may step in either direction. */
  wallClock(): number;
  /** [0, 1) */
  random(): number;
  /** Calls back once after `delayMs`; the returned function cancels and is harmless afterwards. */
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

/** Whether the promise settled within the time; it is not waited for any longer. Rejects when the promise does in time. */
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
