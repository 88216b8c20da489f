/**
 * Waiting that ends in time: calls of a driver with a bound of our own (a driver that does not heed its signal is not
 * waited for), and pauses that can be cut short.
 */
import { type BusClock, sleep } from "../bus/bus-clock.ts";
import { FustorError } from "../sdk/index.ts";

/** Settles as the promise does, or rejects with FUSTOR_ABORTED at the moment when the signal aborts. */
export function unlessAborted<T>(signal: AbortSignal, promise: Promise<T>): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const end = (): void => reject(new FustorError("FUSTOR_ABORTED", "the call was given up"));
    signal.addEventListener("abort", end, { once: true });
    if (signal.aborted) end();
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", end));
  });
}

/** Runs `use` with a controller that aborts with `signal`, too, as long as `use` takes. */
export async function linkedTo<T>(signal: AbortSignal, use: (linked: AbortController) => Promise<T>): Promise<T> {
  const linked = new AbortController();
  const end = (): void => linked.abort();
  signal.addEventListener("abort", end);
  if (signal.aborted) end();
  try {
    return await use(linked);
  } finally {
    signal.removeEventListener("abort", end);
  }
}

/** A pause that can be cut short. One at a time. */
export class Pause {
  #end: () => void = () => undefined;

  /** The pause that goes on is over now. */
  cutShort(): void {
    this.#end();
  }

  /** Resolves after the time, when it is cut short, or when the signal aborts. Never rejects. */
  sleep(clock: Pick<BusClock, "setTimer">, delayMs: number, signal: AbortSignal): Promise<void> {
    return linkedTo(signal, (linked) => {
      this.#end = () => linked.abort();
      return sleep(clock, delayMs, linked.signal);
    });
  }
}

export interface CallBound {
  readonly boundMs: number;
  readonly signal: AbortSignal;
}

/**
 * Hands a signal to the call that aborts after `boundMs` or with `signal`, and rejects no later than that: with
 * {@link LateCall} when it was the bound.
 */
export async function boundedCall<T>(
  clock: Pick<BusClock, "setTimer">,
  { boundMs, signal }: CallBound,
  call: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  return linkedTo(signal, async (attempt) => {
    const cancelTimer = clock.setTimer(boundMs, () => attempt.abort());
    try {
      return await unlessAborted(attempt.signal, call(attempt.signal));
    } catch (error) {
      if (attempt.signal.aborted && !signal.aborted) throw new LateCall(boundMs);
      throw error;
    } finally {
      cancelTimer();
    }
  });
}

/** The time was over. */
export class LateCall extends FustorError {
  constructor(boundMs: number) {
    super("FUSTOR_SENDER_UNREACHABLE", `no answer within ${Math.round(boundMs)} ms`, { retryable: true });
  }
}
