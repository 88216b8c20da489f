/**
 * The passes of one runner over the source: a new one begins after the source has taken back the buffers of those
 * before it.
 */
import { describeError, type Logger } from "../../sdk/index.ts";
import { BulkReader, type ReaderParts } from "./bulk-reader.ts";

export class Passes {
  readonly #logger: Logger;
  #dropped: Promise<void> = Promise.resolve();

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  open(parts: ReaderParts): BulkReader {
    return new BulkReader(parts, this.#dropped);
  }

  drop(reader: BulkReader): void {
    const dropped = reader.drop().catch((error: unknown) => {
      this.#logger.error({}, `the source did not take its buffers back: ${describeError(error)}`);
    });
    this.#dropped = Promise.all([this.#dropped, dropped]).then(() => undefined);
  }

  /** Resolves when the source is left alone. */
  async settled(): Promise<void> {
    await this.#dropped;
  }
}
