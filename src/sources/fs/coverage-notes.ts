/** What people should know about how a tree is watched: which engine and why, what has no watch, and the cure. */
import type { EngineFact, Unwatched, WatchStatus } from "../../native/addon.ts";

type Coverage = Pick<
  WatchStatus,
  "engines" | "unwatched" | "unreadable" | "watchesUsed" | "watchesLimit" | "lastError" | "lostMounts"
>;

export function coverageNotes(status: Coverage): readonly string[] {
  const engines = status.engines.map(engineNote);
  const unwatched = Object.entries(status.unwatched).map(([cause, line]) => unwatchedNote(cause, line, status));
  const unreadable =
    status.unreadable === 0 ? [] : [`${status.unreadable} directories cannot be read: ${status.lastError}`];
  const lost = status.lostMounts.map(lostMountNote);
  return [...engines, ...unwatched, ...unreadable, ...lost];
}

const engineNote = ({ fileSystem, engine, reason, count }: EngineFact): string =>
  `${count > 1 ? `${count} file systems ` : ""}${fileSystem}: ${engine} (${reason})`;

const lostMountNote = (path: string): string =>
  `what was mounted at ${path} is gone or replaced: its contents are kept until it is back, or until \`fustor-agent confirm SOURCE\` gives it up`;

function unwatchedNote(cause: string, line: Unwatched, { watchesUsed, watchesLimit }: Coverage): string {
  const { count, staleMs, examples } = line;
  const example = examples[0] === undefined ? "" : `, for example ${examples[0]}`;
  const stale = staleMs === 0 ? "" : `; the oldest of their listings is ${Math.round(staleMs / 1000)} s old`;
  const note = `${count} directories have no watch and are polled (${cause})${example}${stale}`;
  if (cause !== "budget" || watchesLimit === 0) return note;
  const needed = Math.ceil((watchesUsed + count) * 1.2);
  return `${note}; ${watchesUsed} are watched, the kernel grants ${watchesLimit}: sysctl fs.inotify.max_user_watches=${needed}`;
}
