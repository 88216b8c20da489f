import type { NativeWatch } from "../../native/watch.ts";
import type { Logger } from "../../sdk/index.ts";
import { unansweredNote } from "./coverage-notes.ts";

/** Logs when a place begins not to answer, and when it answers again. */
export class HangLog {
  readonly #root: string;
  readonly #watch: () => Pick<NativeWatch, "status">;
  readonly #logger: Logger;
  #changes = 0;
  #unanswered: ReadonlySet<string> = new Set();

  constructor(root: string, watch: () => Pick<NativeWatch, "status">, logger: Logger) {
    this.#root = root;
    this.#watch = watch;
    this.#logger = logger;
  }

  /** `changes`: how often the set of such places has changed. */
  note(changes: number): void {
    if (changes === this.#changes) return;
    this.#changes = changes;
    const { unanswered } = this.#watch().status();
    const now = new Set(unanswered.map(({ path }) => path));
    for (const place of unanswered) {
      if (!this.#unanswered.has(place.path)) this.#logger.warn({ root: this.#root }, unansweredNote(place));
    }
    for (const path of this.#unanswered) {
      if (!now.has(path)) this.#logger.info({ root: this.#root }, `${path} answers again`);
    }
    this.#unanswered = now;
  }
}
