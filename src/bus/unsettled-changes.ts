import type { OnSettled } from "../sdk/event-bus.ts";
import type { Change } from "../sdk/index.ts";

/** Beyond so many batches every second one is forgotten. */
const MOST_WAITING = 8192;

/**
 * The changes that not every pipe has had accepted, one for each batch or, when a receiver is away for long, for each
 * few of them: what is forgotten is reported with the next one. Empty when nobody wants to know.
 */
export class UnsettledChanges {
  readonly #onSettled: OnSettled | undefined;
  /** The last change of each batch, and the place after it. */
  #waiting: { readonly change: Change; readonly endPosition: number }[] = [];

  constructor(onSettled: OnSettled | undefined) {
    this.#onSettled = onSettled;
  }

  get isEmpty(): boolean {
    return this.#waiting.length === 0;
  }

  add(change: Change, endPosition: number): void {
    if (this.#onSettled === undefined) return;
    this.#waiting.push({ change, endPosition });
    if (this.#waiting.length > MOST_WAITING) this.#waiting = this.#waiting.filter((_, at) => at % 2 === 0);
  }

  /** Every pipe has had accepted what lies before this place. */
  settle(position: number): void {
    const open = this.#waiting.findIndex(({ endPosition }) => endPosition > position);
    const count = open < 0 ? this.#waiting.length : open;
    const newest = this.#waiting[count - 1];
    if (newest === undefined) return;
    this.#waiting = this.#waiting.slice(count);
    this.#onSettled?.(newest.change);
  }
}
