/** How far the receiver's clock is from ours, and one warning when that is far. */
import type { Logger } from "../../sdk/index.ts";

const WARNING_MS = 60_000;

export class ClockSkew {
  readonly #logger: Logger;
  #skewMs: number | undefined;
  #warned = false;

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  /** The receiver's clock minus ours; undefined before it was known. */
  get ms(): number | undefined {
    return this.#skewMs;
  }

  note(skewMs: number | undefined): void {
    if (skewMs === undefined) return;
    this.#skewMs = skewMs;
    if (this.#warned || Math.abs(skewMs) <= WARNING_MS) return;
    this.#warned = true;
    const seconds = Math.round(skewMs / 1000);
    this.#logger.warn({ seconds }, "the receiver's clock differs from ours by more than a minute");
  }
}
