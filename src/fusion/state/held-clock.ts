import type { FusionClock } from "../fusion-clock.ts";

/** One reading of both clocks. */
export interface Moment {
  readonly wall: number;
  readonly mono: number;
}

/**
 * The clocks of a Fusion that keeps its state. While a command is carried out they stand still, so carrying it out once
 * more at the moment that was noted has the same result. After a restart the monotonic clock goes on where it was.
 */
export class HeldClock implements FusionClock {
  readonly #under: FusionClock;
  #held: Moment | undefined;
  #aheadMs = 0;

  constructor(under: FusionClock) {
    this.#under = under;
  }

  wallSeconds(): number {
    return this.#held?.wall ?? this.#under.wallSeconds();
  }

  monotonicMs(): number {
    return this.#held?.mono ?? this.#under.monotonicMs() + this.#aheadMs;
  }

  moment(): Moment {
    return { wall: this.wallSeconds(), mono: this.monotonicMs() };
  }

  /** Carries out `act` with both clocks standing at that moment. */
  during<T>(moment: Moment, act: () => T): T {
    this.#held = moment;
    try {
      return act();
    } finally {
      this.#held = undefined;
    }
  }

  goOnFrom(mono: number): void {
    this.#aheadMs = mono - this.#under.monotonicMs();
  }
}
