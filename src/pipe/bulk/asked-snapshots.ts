/** Which of the receiver's questions for a snapshot are granted: one now and then, and none that a snapshot answered. */
import type { Ambience } from "../pipe-options.ts";

export class AskedSnapshots {
  readonly #ambience: Pick<Ambience, "now" | "setTimer">;
  readonly #betweenMs: number;
  readonly #onDue: (askedAt: number) => void;
  #answeredAt = Number.NEGATIVE_INFINITY;
  #begunAt = Number.NEGATIVE_INFINITY;
  #cancelTimer: (() => void) | undefined;

  /** `betweenMs`: from the beginning of one to that of the next. `onDue`: the time of one that came too soon has come. */
  constructor(ambience: Pick<Ambience, "now" | "setTimer">, betweenMs: number, onDue: (askedAt: number) => void) {
    this.#ambience = ambience;
    this.#betweenMs = betweenMs;
    this.#onDue = onDue;
  }

  /** What was asked until now is answered. */
  answer(): void {
    this.#answeredAt = this.#ambience.now();
  }

  /** Whether it may begin now. One that comes too soon after the last one is asked for again when its time has come. */
  grant(askedAt: number): boolean {
    if (askedAt < this.#answeredAt) return false;
    const waitMs = this.#begunAt + this.#betweenMs - this.#ambience.now();
    if (waitMs <= 0) {
      this.#begunAt = this.#ambience.now();
      return true;
    }
    this.#cancelTimer ??= this.#ambience.setTimer(waitMs, () => {
      this.#cancelTimer = undefined;
      this.#onDue(askedAt);
    });
    return false;
  }

  close(): void {
    this.#cancelTimer?.();
  }
}
