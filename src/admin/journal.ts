/**
 * What happened lately, in memory: lines of the log, states of pipes, reloads. Bounded in entries and bytes; the oldest
 * go first. Readers hold a place in it and no queue of their own, so a slow one costs nothing: what it has not read in
 * time is gone, and it is told so.
 *
 * Ids grow by one, and begin at the microseconds of the start, so that those of a later run are higher.
 */
export type EventKind = "log" | "pipe" | "reload" | "action";

export interface JournalEntry {
  readonly id: number;
  readonly kind: EventKind;
  /** JSON on one line. */
  readonly text: string;
}

export interface JournalBounds {
  readonly maxEntries: number;
  /** Characters of all texts. */
  readonly maxLength: number;
}

const BOUNDS: JournalBounds = { maxEntries: 2000, maxLength: 1024 * 1024 };

export interface JournalPart {
  readonly entries: readonly JournalEntry[];
  /** Entries after the asked place are gone. */
  readonly missed: boolean;
}

export class Journal {
  readonly #bounds: JournalBounds;
  readonly #waiting = new Set<() => void>();
  #entries: JournalEntry[] = [];
  #lastId: number;
  #length = 0;

  /** `startedAt`: epoch milliseconds. */
  constructor(startedAt: number, bounds: JournalBounds = BOUNDS) {
    this.#bounds = bounds;
    this.#lastId = Math.floor(startedAt) * 1000;
  }

  get lastId(): number {
    return this.#lastId;
  }

  append(kind: EventKind, text: string): void {
    this.#entries.push({ id: ++this.#lastId, kind, text });
    this.#length += text.length;
    this.#shrink();
    for (const wake of [...this.#waiting]) wake();
  }

  /** At most `most` entries after an id. One of another run counts as an id of long ago. */
  after(id: number, most: number): JournalPart {
    const oldest = this.#entries[0]?.id ?? this.#lastId + 1;
    const missed = id < oldest - 1 || id > this.#lastId;
    const at = missed ? 0 : id + 1 - oldest;
    return { entries: this.#entries.slice(at, at + most), missed };
  }

  /** The newest `most` entries that are wanted, oldest first. */
  newest(most: number, isWanted: (entry: JournalEntry) => boolean): readonly JournalEntry[] {
    const found: JournalEntry[] = [];
    for (let at = this.#entries.length - 1; at >= 0 && found.length < most; at--) {
      const entry = this.#entries[at] as JournalEntry;
      if (isWanted(entry)) found.push(entry);
    }
    return found.reverse();
  }

  /** Resolves when there is something after the id, after the time, or when the signal aborts. Never rejects. */
  changed(id: number, withinMs: number, signal: AbortSignal): Promise<void> {
    if (this.#lastId > id || signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        this.#waiting.delete(done);
        signal.removeEventListener("abort", done);
        resolve();
      };
      const timer = setTimeout(done, withinMs).unref();
      this.#waiting.add(done);
      signal.addEventListener("abort", done);
    });
  }

  /** A tenth at a time, so that not every line moves all others. */
  #shrink(): void {
    const { maxEntries, maxLength } = this.#bounds;
    if (this.#entries.length <= maxEntries && this.#length <= maxLength) return;
    let gone = this.#entries.length > maxEntries ? Math.ceil(maxEntries / 10) : 1;
    for (let at = 0; at < gone; at++) this.#length -= this.#entries[at]?.text.length ?? 0;
    while (this.#length > maxLength * 0.9 && gone < this.#entries.length - 1) {
      this.#length -= this.#entries[gone++]?.text.length ?? 0;
    }
    this.#entries = this.#entries.slice(gone);
  }
}
