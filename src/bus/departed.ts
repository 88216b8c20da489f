import type { BusClock } from "./bus-clock.ts";

/** Longer than the pipes of an agent that stops take to end, one after the other. */
const KEPT_MS = 30_000;

/**
 * How far cursors had settled that were closed not long ago. When an agent stops, the pipe that ends first must not let
 * the source forget what its receiver lacks; a pipe that was removed must not hold the others up for ever.
 */
export class Departed {
  readonly #clock: Pick<BusClock, "setTimer">;
  /** Places of the chain, each with what cancels its timer. */
  readonly #places = new Map<() => void, number>();

  constructor(clock: Pick<BusClock, "setTimer">) {
    this.#clock = clock;
  }

  /** The lowest of them. */
  get settled(): number {
    return Math.min(Number.POSITIVE_INFINITY, ...this.#places.values());
  }

  add(settled: number, onForgotten: () => void): void {
    const cancel = this.#clock.setTimer(KEPT_MS, () => {
      this.#places.delete(cancel);
      onForgotten();
    });
    this.#places.set(cancel, settled);
  }

  clear(): void {
    for (const cancel of this.#places.keys()) cancel();
    this.#places.clear();
  }
}
