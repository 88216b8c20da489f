/**
 * How many requests are on their way at once: as many as configured, half as many after each SlowDown of the store, and one
 * more after each twenty that went well.
 */
import { Signal } from "fustor-agent/sdk";

const WELL_FOR_ONE_MORE = 20;
/** What was on its way when the store said SlowDown says it once more. */
const ONE_SLOW_DOWN_MS = 500;

export class Pace {
  readonly #most: number;
  readonly #freed = new Signal();
  #limit: number;
  #out = 0;
  #well = 0;
  #slowedAt = Number.NEGATIVE_INFINITY;
  #pausedUntil = 0;

  constructor(most: number) {
    this.#most = most;
    this.#limit = most;
  }

  get limit(): number {
    return this.#limit;
  }

  async taken<T>(signal: AbortSignal, call: () => Promise<T>): Promise<T> {
    while ((this.#out >= this.#limit || this.#pauseMs() > 0) && !signal.aborted) await this.#turn(signal);
    signal.throwIfAborted();
    this.#out++;
    try {
      return await call();
    } finally {
      this.#out--;
      this.#freed.raise();
    }
  }

  #pauseMs(): number {
    return this.#pausedUntil - performance.now();
  }

  async #turn(signal: AbortSignal): Promise<void> {
    const pauseMs = this.#pauseMs();
    if (pauseMs <= 0) return this.#freed.wait(signal);
    await this.#freed.wait(AbortSignal.any([signal, AbortSignal.timeout(Math.ceil(pauseMs))]));
  }

  slowDown(retryAfterMs = 0): void {
    const now = performance.now();
    this.#well = 0;
    this.#pausedUntil = Math.max(this.#pausedUntil, now + retryAfterMs);
    if (now - this.#slowedAt < ONE_SLOW_DOWN_MS) return;
    this.#slowedAt = now;
    this.#limit = Math.max(1, Math.floor(this.#limit / 2));
  }

  wentWell(): void {
    if (this.#limit >= this.#most || ++this.#well < WELL_FOR_ONE_MORE) return;
    this.#well = 0;
    this.#limit++;
    this.#freed.raise();
  }
}
