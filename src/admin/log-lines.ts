/** Lines of the log in the journal: which of them a reader asked for. */
import type { JournalEntry } from "./journal.ts";

export const LOG_LEVELS = ["debug", "info", "warn", "error"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** The logger writes the level first. A line without one is taken for an error: it is no line of the logger. */
const LEVEL = /^\{"level":"(debug|info|warn|error)"/;

const rank = (level: string): number => LOG_LEVELS.indexOf(level as LogLevel);

export const levelOf = (line: string): LogLevel => (LEVEL.exec(line)?.[1] ?? "error") as LogLevel;

/** At that level or above, and with the text in it wherever it stands; other entries are never wanted. */
export function logLinesFrom(level: LogLevel, text = ""): (entry: JournalEntry) => boolean {
  const least = rank(level);
  const wanted = text.toLowerCase();
  return (entry) =>
    entry.kind === "log" &&
    rank(levelOf(entry.text)) >= least &&
    (wanted === "" || entry.text.toLowerCase().includes(wanted));
}
