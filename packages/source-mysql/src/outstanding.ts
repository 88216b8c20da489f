/** What was handed over and is not accepted yet: the server keeps what the receivers have no room for. Pure. */
import type { Stretch } from "./places.ts";

export interface HandedOver {
  /** Of the last change. */
  readonly sequence: number;
  readonly changes: number;
  readonly bytes: number;
  /** Where the stream is behind it. */
  readonly stretch: Stretch;
}

/** Half of what the bus holds for a pipe unless it is configured otherwise: it never has to drop anything. */
const MOST_BYTES = 32 << 20;

export class Outstanding {
  readonly #most: number;
  #batches: HandedOver[] = [];
  #changes = 0;
  #bytes = 0;

  constructor(most: number) {
    this.#most = most;
  }

  get changes(): number {
    return this.#changes;
  }

  get isFull(): boolean {
    return this.#changes >= this.#most || this.#bytes >= MOST_BYTES;
  }

  handedOver(batch: HandedOver): void {
    this.#batches.push(batch);
    this.#changes += batch.changes;
    this.#bytes += batch.bytes;
  }

  /** Where the stream is behind the last batch that was accepted whole; undefined when none was. */
  accepted(sequence: number): Stretch | undefined {
    let done = 0;
    for (; (this.#batches[done]?.sequence ?? Number.POSITIVE_INFINITY) <= sequence; done++) {
      this.#changes -= this.#batches[done]?.changes ?? 0;
      this.#bytes -= this.#batches[done]?.bytes ?? 0;
    }
    return this.#batches.splice(0, done).at(-1)?.stretch;
  }
}
