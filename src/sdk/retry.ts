/** Tries again, for what a driver does on its own: connecting to a database, say. What the pipe calls, it repeats itself. */
import { setTimeout as pause } from "node:timers/promises";
import { FustorError, isFustorError } from "./errors.ts";

export interface RetryOptions {
  readonly signal: AbortSignal;
  /** Calls in all. Default: until the signal aborts. */
  readonly attempts?: number;
  /** The first pause; each further one is twice as long. Default 200. */
  readonly firstMs?: number;
  /** The longest pause. Default 30,000. */
  readonly maxMs?: number;
  /** Whether another call may succeed. Default: unless it is a FustorError that says it may not. */
  readonly isRetryable?: (error: unknown) => boolean;
  /** Told of each failure before the pause. */
  readonly onFailure?: (error: unknown, delayMs: number) => void;
}

const mayRetry = (error: unknown): boolean => !isFustorError(error) || error.retryable;

/** The first answer. Throws the last failure, or FUSTOR_ABORTED. Each pause is drawn between half of it and all of it. */
export async function retried<T>(call: (attempt: number) => Promise<T>, options: RetryOptions): Promise<T> {
  const { signal, attempts = Number.POSITIVE_INFINITY, firstMs = 200, maxMs = 30_000 } = options;
  const { isRetryable = mayRetry, onFailure } = options;
  for (let attempt = 1; !signal.aborted; attempt++) {
    try {
      return await call(attempt);
    } catch (error) {
      if (attempt >= attempts || !isRetryable(error)) throw error;
      const delayMs = Math.min(maxMs, firstMs * 2 ** Math.min(attempt - 1, 20)) * (0.5 + Math.random() / 2);
      onFailure?.(error, delayMs);
      await pause(delayMs, undefined, { signal }).catch(() => undefined);
    }
  }
  throw new FustorError("FUSTOR_ABORTED", "the call was cancelled");
}
