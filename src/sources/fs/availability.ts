import type { WatchStatus } from "../../native/watch.ts";
import { FustorError, type Logger, type SourceAvailability } from "../../sdk/index.ts";

type Listener = (availability: SourceAvailability) => void;

export const availabilityOf = (root: WatchStatus["root"], reason: string): SourceAvailability =>
  root === "unavailable" ? { state: "unavailable", reason } : { state: root };

const reasonOf = (availability: SourceAvailability): string =>
  availability.state === "unavailable" ? availability.reason : "";

/** What a source cannot do while its root is away, or while it is in doubt. */
export const unavailable = (root: string, reason: string, cause?: unknown): FustorError =>
  new FustorError("FUSTOR_SOURCE_UNAVAILABLE", `${root}: ${reason}`, { retryable: true, cause });

/** Whether the root can be read, who wants to hear of a change, and the log lines of it. */
export class Availability {
  readonly #root: string;
  readonly #logger: Logger;
  readonly #listeners = new Set<Listener>();
  #now: SourceAvailability = { state: "starting" };

  constructor(root: string, logger: Logger) {
    this.#root = root;
    this.#logger = logger;
  }

  listen(listener: Listener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  close(): void {
    this.#listeners.clear();
  }

  /** `whenAvailable`: before the listeners hear of it. */
  note(now: SourceAvailability, whenAvailable: () => void): void {
    if (now.state === this.#now.state && reasonOf(now) === reasonOf(this.#now)) return;
    this.#now = now;
    if (now.state === "unavailable") this.#logger.warn({ root: this.#root }, now.reason);
    else this.#logger.info({ root: this.#root }, `the source is ${now.state}`);
    if (now.state === "available") whenAvailable();
    for (const listener of this.#listeners) listener(now);
  }
}
