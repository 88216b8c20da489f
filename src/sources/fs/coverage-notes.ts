/** What people should know about how a tree is watched: which engine and why, what has no watch, and the cure. */
import type { WatchStatus } from "../../native/addon.ts";

type Coverage = Pick<
  WatchStatus,
  "engines" | "unwatched" | "unreadable" | "watchesUsed" | "watchesLimit" | "lastError" | "lostMounts"
>;

export function coverageNotes(status: Coverage): readonly string[] {
  const engines = status.engines.map(({ fileSystem, engine, reason }) => `${fileSystem}: ${engine} (${reason})`);
  const unwatched = Object.entries(status.unwatched).map(([cause, count]) => unwatchedNote(cause, count, status));
  const unreadable =
    status.unreadable === 0 ? [] : [`${status.unreadable} directories cannot be read: ${status.lastError}`];
  const lost = status.lostMounts.map(lostMountNote);
  return [...engines, ...unwatched, ...unreadable, ...lost];
}

const lostMountNote = (path: string): string =>
  `what was mounted at ${path} is gone or replaced: its contents are kept until it is back, or until \`fustor-agent confirm SOURCE\` gives it up`;

function unwatchedNote(cause: string, count: number, { watchesUsed, watchesLimit }: Coverage): string {
  const note = `${count} directories have no watch and are polled (${cause})`;
  if (cause !== "budget" || watchesLimit === 0) return note;
  const needed = Math.ceil((watchesUsed + count) * 1.2);
  return `${note}; ${watchesUsed} are watched, the kernel grants ${watchesLimit}: sysctl fs.inotify.max_user_watches=${needed}`;
}
