/** What people should know about how a tree is watched: which engine and why, what has no watch, and the cure. */
import type { EngineFact, Unanswered, Unreadable, Unwatched, WatchStatus } from "../../native/watch.ts";

type Coverage = Pick<
  WatchStatus,
  | "engines"
  | "unwatched"
  | "polledElsewhere"
  | "unreadableBy"
  | "watchesUsed"
  | "watchesLimit"
  | "unanswered"
  | "lostMounts"
>;

/** `maxWatches` is the source's own budget, 0 = none. */
export function coverageNotes(status: Coverage, maxWatches = 0): readonly string[] {
  const engines = status.engines.map(engineNote);
  const unwatched = Object.entries(status.unwatched).map(([cause, line]) =>
    unwatchedNote(cause, line, status, maxWatches),
  );
  const elsewhere = status.polledElsewhere === 0 ? [] : [elsewhereNote(status.polledElsewhere)];
  const unreadable = Object.entries(status.unreadableBy).map(([reason, line]) => unreadableNote(reason, line));
  const lost = status.lostMounts.map(lostMountNote);
  return [...engines, ...unwatched, ...elsewhere, ...unreadable, ...lost, ...status.unanswered.map(unansweredNote)];
}

const engineNote = ({ fileSystem, engine, reason, count }: EngineFact): string =>
  `${count > 1 ? `${count} file systems ` : ""}${fileSystem}: ${engine} (${reason})`;

const lostMountNote = (path: string): string =>
  `what was mounted at ${path} is gone or replaced: its contents are kept until it is back, or until \`fustor-agent confirm SOURCE\` gives it up`;

const elsewhereNote = (count: number): string =>
  `${count} ${count === 1 ? "directory lies" : "directories lie"} on servers or FUSE mounts that others may change without a word to this kernel: polled as well (remote_poll_interval_sec)`;

/** What the log says, too, when it begins. */
export const unansweredNote = ({ path, forMs }: Unanswered): string =>
  `${path} has not answered for ${Math.round(forMs / 1000)} s: what lies there stays as last known, everything else goes on`;

function unreadableNote(reason: string, { count, examples }: Unreadable): string {
  const which = count === 1 ? "1 directory" : `${count} directories`;
  return `${which} cannot be read (${reason})${examples[0] === undefined ? "" : `, for example ${shortened(examples[0])}`}`;
}

const MOST_SHOWN = 200;

const shortened = (path: string): string =>
  path.length <= MOST_SHOWN ? path : `${path.slice(0, MOST_SHOWN)}... (${path.length} characters)`;

function unwatchedNote(cause: string, line: Unwatched, status: Coverage, maxWatches: number): string {
  const { count, staleMs, examples } = line;
  const example = examples[0] === undefined ? "" : `, for example ${examples[0]}`;
  const stale = staleMs === 0 ? "" : `; the oldest of their listings is ${Math.round(staleMs / 1000)} s old`;
  const note = `${count} directories have no watch and are polled (${cause})${example}${stale}`;
  const cure = cureOf(cause, count, status, maxWatches);
  return cure === undefined ? note : `${note}; ${cure}`;
}

/** What gives the directories without a watch one, by cause; nothing for causes without a cure. */
export const coverageCures = (status: Coverage, maxWatches = 0): Readonly<Record<string, string>> =>
  Object.fromEntries(
    Object.entries(status.unwatched).flatMap(([cause, { count }]) => {
      const cure = cureOf(cause, count, status, maxWatches);
      return cure === undefined ? [] : [[cause, cure] as const];
    }),
  );

/** Names the limit that was spent, and only ever a larger one: the kernel's holds for every program of the user. */
function cureOf(cause: string, count: number, status: Coverage, maxWatches: number): string | undefined {
  const { watchesUsed, watchesLimit } = status;
  if (cause === "instances")
    return "the kernel grants no further inotify instance: raise fs.inotify.max_user_instances";
  if (cause !== "budget") return undefined;
  const needed = Math.ceil((watchesUsed + count) * 1.2);
  if (maxWatches > 0 && watchesUsed >= maxWatches) {
    return `${watchesUsed} are watched, max_watches of this source allows ${maxWatches}: set it to ${needed}, or remove it`;
  }
  if (watchesLimit === 0) return undefined;
  // Other programs of the same user may hold the rest.
  const enough = Math.max(needed, watchesLimit + Math.ceil(count * 1.2));
  return `${watchesUsed} are watched, the kernel grants ${watchesLimit}: sysctl fs.inotify.max_user_watches=${enough}`;
}
