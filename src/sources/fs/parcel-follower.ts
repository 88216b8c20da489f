import type { NativeWatch } from "../../native/watch.ts";
import { describeError, type Logger } from "../../sdk/index.ts";
import { type ParcelHints, startParcelHints } from "./parcel-hints.ts";

/** Without its root @parcel/watcher cannot start: it begins anew whenever the root has come back. */
export class ParcelFollower {
  readonly #root: string;
  readonly #excludePaths: readonly string[];
  readonly #watch: NativeWatch;
  readonly #logger: Logger;
  #isThere = false;
  #isOver = false;
  #hints: ParcelHints | undefined;
  #last: Promise<void> = Promise.resolve();

  constructor(root: string, excludePaths: readonly string[], watch: NativeWatch, logger: Logger) {
    this.#root = root;
    this.#excludePaths = excludePaths;
    this.#watch = watch;
    this.#logger = logger;
  }

  /** The root has come, or gone. */
  turn(isThere: boolean): void {
    this.#isThere = isThere;
    this.#last = this.#last
      .then(() => this.#follow())
      .catch((error: unknown) => this.#logger.warn({ root: this.#root }, describeError(error)));
  }

  async stop(): Promise<void> {
    this.#isOver = true;
    await this.#hints?.stop();
  }

  async #follow(): Promise<void> {
    await this.#hints?.stop();
    this.#hints = undefined;
    if (this.#isOver || !this.#isThere) return;
    this.#hints = await startParcelHints(this.#root, this.#excludePaths, this.#watch, this.#logger);
    // Nothing told of what happened between the first listing and this moment.
    this.#watch.resync("@parcel/watcher began");
  }
}
