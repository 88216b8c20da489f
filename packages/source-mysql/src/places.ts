/**
 * Where the stream goes on.
 *
 * The agent gives back the last position that it was told. Behind it the log may be known to hold nothing of ours for a
 * stretch; then the stream goes on at the end of that stretch. What the receivers have accepted is kept as well, by this
 * driver: an agent that has no position, because a receiver cannot say what it holds, sends a snapshot, and the deletes
 * since then have to come beside it.
 */
import type { SourceStore } from "fustor-agent/sdk";

const SAVE_MS = 500;

/** Everything up to `told` was handed over, and nothing of ours lies between that and `at`. */
export interface Stretch {
  readonly told: string;
  readonly at: string;
}

export class Places {
  readonly #store: SourceStore | undefined;
  readonly #id: string;
  #told: string | undefined;
  #at: string | undefined;
  #isLost = false;
  #accepted: Stretch | undefined;
  #timer: NodeJS.Timeout | undefined;

  /** Sources with one address share a store. */
  constructor(store: SourceStore | undefined, id: string) {
    this.#store = store;
    this.#id = id;
    this.#accepted = this.#all()[id];
    this.#at = this.#accepted?.at;
    this.#told = this.#accepted?.told;
  }

  /** The position that the agent has for what was handed over. */
  get told(): string | undefined {
    return this.#told;
  }

  /** Where the stream goes on; undefined when no place is known. */
  get at(): string | undefined {
    return this.#at;
  }

  /** The stream is here. `told`: the agent knows that of the last change. */
  reach(at: string, told: string | undefined): Stretch {
    this.#at = at;
    this.#told = told ?? this.#told ?? at;
    return { told: this.#told, at };
  }

  /** A stream begins here, unless a place is known. */
  begin(position: string): void {
    if (this.#at !== undefined) return;
    this.#at = position;
    this.accepted({ told: position, at: position });
  }

  /** A stream is opened with this position. True when a snapshot has to follow. */
  open(position: string | undefined): boolean {
    const isLost = this.#isLost || position === undefined;
    if (isLost) this.#told = this.#at;
    else if (position !== this.#told) {
      this.#told = position;
      this.#at = position;
    }
    this.#isLost = false;
    return isLost;
  }

  /** The next stream is followed by a snapshot, and leaves nothing out. */
  needSnapshot(): void {
    this.#isLost = true;
  }

  /** The server has forgotten what comes next: the next stream begins at the end of its log. */
  lose(): void {
    this.#isLost = true;
    this.#at = undefined;
  }

  /** All receivers have everything up to here. It is kept soon. */
  accepted(stretch: Stretch): void {
    if (this.#accepted?.at === stretch.at && this.#accepted.told === stretch.told) return;
    this.#accepted = stretch;
    this.#timer ??= setTimeout(() => this.close(), SAVE_MS).unref();
  }

  /** Keeps at once what was accepted. */
  close(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#accepted !== undefined && this.#store !== undefined) {
      this.#store.remember(JSON.stringify({ ...this.#all(), [this.#id]: this.#accepted }));
    }
  }

  #all(): Readonly<Record<string, Stretch | undefined>> {
    try {
      return JSON.parse(this.#store?.recall() ?? "{}") as Readonly<Record<string, Stretch>>;
    } catch {
      return {};
    }
  }
}
