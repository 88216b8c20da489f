/**
 * Holds rows in bulk back while live changes are late.
 *
 * A POST full of rows keeps the scheduler busy, and whatever changes meanwhile waits. So bulk pauses when a live batch
 * was acknowledged later than `pauseLagMs` after its kernel event, and goes on when the lag is below half of that, or
 * when nothing live was seen for a while. It never starves: after `LONGEST_PAUSE_MS` one item passes.
 */
import type { Ambience } from "../pipe-options.ts";

const LONGEST_PAUSE_MS = 5_000;
const SHORTEST_MEMORY_MS = 1_000;

export class BulkGate {
  readonly #pauseLagMs: number;
  readonly #ambience: Pick<Ambience, "now" | "setTimer">;
  readonly #onOpen: () => void;
  #pausedSince: number | undefined;
  #notedAt = Number.NEGATIVE_INFINITY;
  #cancelTimer: (() => void) | undefined;

  /** `pauseLagMs` 0 = never pauses. `onOpen` when bulk may go on. */
  constructor(pauseLagMs: number, ambience: Pick<Ambience, "now" | "setTimer">, onOpen: () => void) {
    this.#pauseLagMs = pauseLagMs;
    this.#ambience = ambience;
    this.#onOpen = onOpen;
  }

  get isPaused(): boolean {
    return this.#pausedSince !== undefined;
  }

  /** A live batch was acknowledged with this lag. */
  note(lagMs: number): void {
    if (this.#pauseLagMs === 0) return;
    const now = this.#ambience.now();
    this.#notedAt = now;
    if (lagMs > this.#pauseLagMs) this.#pausedSince ??= now;
    else if (lagMs < this.#pauseLagMs / 2) this.#open();
  }

  /** Whether a batch of bulk rows may be sent now. */
  mayPass(): boolean {
    if (this.#pausedSince === undefined) return true;
    const now = this.#ambience.now();
    const forgottenAt = this.#notedAt + Math.max(SHORTEST_MEMORY_MS, 2 * this.#pauseLagMs);
    const releasedAt = this.#pausedSince + LONGEST_PAUSE_MS;
    if (now >= forgottenAt) {
      this.#pausedSince = undefined;
      return true;
    }
    if (now >= releasedAt) {
      this.#pausedSince = now;
      return true;
    }
    this.#cancelTimer ??= this.#ambience.setTimer(Math.min(forgottenAt, releasedAt) - now, () => {
      this.#cancelTimer = undefined;
      this.#onOpen();
    });
    return false;
  }

  close(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
  }

  #open(): void {
    this.#pausedSince = undefined;
    this.close();
  }
}
