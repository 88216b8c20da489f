/** The journal as a stream: what happened after an id, and then what happens. */
import { eventText, type Feed, KEEP_ALIVE, KEEP_ALIVE_MS } from "./event-stream.ts";
import type { EventKind, Journal, JournalEntry } from "./journal.ts";
import { type LogLevel, logLinesFrom } from "./log-lines.ts";

const MOST_AT_ONCE = 100;

export interface EventWish {
  /** Goes on after this id; undefined = with what happens from now on. */
  readonly after: number | undefined;
  readonly kinds: readonly EventKind[];
  /** Of lines of the log. */
  readonly level: LogLevel;
}

const wanted = ({ kinds, level }: EventWish): ((entry: JournalEntry) => boolean) => {
  const isLoud = logLinesFrom(level);
  return (entry) => kinds.includes(entry.kind) && (entry.kind !== "log" || isLoud(entry));
};

/**
 * A reader that comes back too late is told of the `gap` first, and goes on with the oldest event that is left. One that
 * falls behind while it reads gets `dropped` as its last event: it asks again with the id of the last one that it got.
 */
export const eventFeed = (journal: Journal, wish: EventWish): Feed =>
  async function* (signal) {
    const isWanted = wanted(wish);
    let place = wish.after ?? journal.lastId;
    let isFirst = true;
    yield `retry: 2000\n\n`;
    while (!signal.aborted) {
      const { entries, missed } = journal.after(place, MOST_AT_ONCE);
      if (missed) {
        yield eventText(isFirst ? "gap" : "dropped", JSON.stringify({ after: place }));
        if (!isFirst) return;
      }
      isFirst = false;
      const texts = entries.filter(isWanted).map(({ kind, text, id }) => eventText(kind, text, id));
      place = entries.at(-1)?.id ?? journal.lastId;
      if (texts.length > 0) yield texts.join("");
      else if (entries.length === 0) {
        await journal.changed(place, KEEP_ALIVE_MS, signal);
        if (journal.lastId <= place) yield KEEP_ALIVE;
      }
    }
  };
