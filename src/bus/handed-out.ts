import type { BusBatch } from "../sdk/event-bus.ts";

/** The batches of a cursor that the pipe has and that are not committed yet, in the order of their tickets. */
export class HandedOut {
  #outstanding: readonly BusBatch[] = [];
  /** Rewound: they go out again before anything else. */
  #again: readonly BusBatch[] = [];

  /** Hands out a batch that was rewound; undefined when there is none. */
  again(): BusBatch | undefined {
    const [batch, ...rest] = this.#again;
    if (batch === undefined) return undefined;
    this.#again = rest;
    this.add(batch);
    return batch;
  }

  add(batch: BusBatch): void {
    this.#outstanding = [...this.#outstanding, batch];
  }

  /** The batch and all before it. */
  commit({ ticket }: BusBatch): void {
    this.#outstanding = this.#outstanding.filter((other) => other.ticket > ticket);
  }

  rewind(): void {
    this.#again = [...this.#outstanding, ...this.#again];
    this.#outstanding = [];
  }

  clear(): void {
    this.#outstanding = [];
    this.#again = [];
  }

  get hasRewound(): boolean {
    return this.#again.length > 0;
  }

  get changes(): number {
    return [...this.#outstanding, ...this.#again].reduce((sum, { changes }) => sum + changes.length, 0);
  }

  get oldest(): BusBatch | undefined {
    return this.#outstanding[0] ?? this.#again[0];
  }
}
