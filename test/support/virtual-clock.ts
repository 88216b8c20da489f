/** Time that passes only when a test says so: hours of many pipes in a moment, and each instant exactly as the code chose it. */
import type { Ambience } from "../../src/pipe/pipe-options.ts";

interface Timer {
  readonly at: number;
  readonly callback: () => void;
}

export class VirtualClock implements Ambience {
  readonly random: () => number;
  #now = 0;
  readonly #timers = new Set<Timer>();

  constructor(random: () => number) {
    this.random = random;
  }

  readonly now = (): number => this.#now;
  readonly wallClock = (): number => this.#now;

  readonly setTimer = (delayMs: number, callback: () => void): (() => void) => {
    const timer = { at: this.#now + delayMs, callback };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  };

  /** Timers that were neither cancelled nor due. */
  get pending(): number {
    return this.#timers.size;
  }

  /** Calls every timer that is due until then, each at its own instant and after what the one before it set going. */
  async passTo(ms: number): Promise<void> {
    await settled();
    for (let next = this.#next(); next !== undefined && next.at <= ms; next = this.#next()) {
      this.#timers.delete(next);
      this.#now = Math.max(this.#now, next.at);
      next.callback();
      await settled();
    }
    this.#now = ms;
  }

  #next(): Timer | undefined {
    let first: Timer | undefined;
    for (const timer of this.#timers) if (first === undefined || timer.at < first.at) first = timer;
    return first;
  }
}

/** Every promise that could go on has gone on. */
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
