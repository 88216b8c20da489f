/** Watches: what crosses between C++ and JavaScript. See addon.ts. */
import type { BoundOptions, FilterOptions, NativeScan, RowsOptions, ThrottlingOptions } from "./scan.ts";
import type { NativeSweep, SweepRules } from "./sweep.ts";

/** Throttling applies to tree walks; realtime changes are never throttled. */
export interface WatchOptions extends FilterOptions, ThrottlingOptions, BoundOptions {
  readonly threads?: number;
  readonly crossMounts?: boolean;
  /**
   * A file that only a listing found, and that is younger than this, is reported as not complete and confirmed later.
   * Default 2000.
   */
  readonly settleMs?: number;
  /** Shortest time between two rows of a file that is being written. Default 1000. */
  readonly throttleMs?: number;
  /**
   * `auto` takes fanotify where it runs and inotify elsewhere; `poll` uses no kernel events at all. Default `inotify`.
   */
  readonly mode?: "auto" | "fanotify" | "inotify" | "poll";
  /** A budget of watches below the kernel's own limit; 0 = only the kernel's. */
  readonly maxWatches?: number;
  /** Each directory without a watch is listed once in this time. Default 60,000. */
  readonly pollMs?: number;
  /**
   * The same in mode `auto`, for directories on file systems that other machines change without an event. Default
   * 10,000; 0 = never.
   */
  readonly elsewherePollMs?: number;
  /**
   * `rootIdentity` of an earlier run: when another directory stands at the root, it is unavailable until `confirmRoot`.
   */
  readonly expectedRootIdentity?: string;
  /**
   * A tree walk that misses more than half of the entries looks at them again after this time. Default 5000; 0 = at
   * once.
   */
  readonly confirmDeletesMs?: number;
  /**
   * Names that begin so are those of a canary: `rootState` counts their events, which have no other effect. Exclude
   * these names from the rows as well.
   */
  readonly canary?: string;
  /** `drainRaw` returns kernel events, and the watch reports no changes. */
  readonly raw?: boolean;
}

/** A batch of live changes: JSON text of an array of Change (sdk/changes.ts). */
export interface NativeLiveBatch {
  readonly json: Buffer;
  readonly count: number;
  readonly lagMs: number;
  /** A checkpoint: everything that it holds was handed out with this batch, or before. */
  readonly mark?: string;
}

/** Directories without a watch, for one cause; a few seconds old. */
export interface Unwatched {
  readonly count: number;
  /** Age of the oldest of their last listings, in whole seconds; 0 also when none was listed yet. */
  readonly staleMs: number;
  /** Wire paths of some of them. At most 20. */
  readonly examples: readonly string[];
}

export interface Unreadable {
  readonly count: number;
  readonly examples: readonly string[];
}

export interface Unanswered {
  /** Wire path. */
  readonly path: string;
  readonly forMs: number;
}

/** Which engine watches `count` file systems of one kind, and why. */
export interface EngineFact {
  readonly fileSystem: string;
  readonly engine: string;
  readonly reason: string;
  readonly count: number;
}

export interface WatchStatus {
  /** `starting` until the first pass ended. */
  readonly root: "starting" | "available" | "unavailable";
  /** Why it is unavailable, "" otherwise. */
  readonly reason: string;
  readonly entries: number;
  readonly directories: number;
  readonly tableBytes: number;
  readonly watchesUsed: number;
  /** 0 = unknown. */
  readonly watchesLimit: number;
  /** Directories without a watch by cause. */
  readonly unwatched: Readonly<Record<string, Unwatched>>;
  /** Which engines watch the file systems. */
  readonly engines: readonly EngineFact[];
  /**
   * Wire paths of directories below which something was mounted that is gone or replaced; the contents are kept. At
   * most 20.
   */
  readonly lostMounts: readonly string[];
  /** Entries that the last tree walk missed, when these are more than half of all: a second look decides. */
  readonly heldDeletes: number;
  /**
   * Directories on file systems that other machines change without an event: they are polled, with a watch or without
   * (`elsewherePollMs`).
   */
  readonly polledElsewhere: number;
  /** Directories that could not be read. */
  readonly unreadable: number;
  /** The same by reason, each with the wire paths of at most 20 of them. */
  readonly unreadableBy: Readonly<Record<string, Unreadable>>;
  /**
   * Places (mounted file systems, or directories) that do not answer, the longest first. At most 20. Everything else is
   * watched as before.
   */
  readonly unanswered: readonly Unanswered[];
  readonly rawEvents: number;
  /** Kernel events by kind: create, delete, movedFrom, movedTo, modify, closeWrite, attrib, deleteSelf, moveSelf. */
  readonly eventsByKind: Readonly<Record<string, number>>;
  /** Batches handed out, by the age of their oldest event; the last bucket has no limit (null). */
  readonly lagHistogram: readonly { readonly atMostMs: number | null; readonly batches: number }[];
  /**
   * Milliseconds from the start: `markMs` until the mark on the root's file system was set (fanotify; null with
   * inotify), `primedMs` until the first tree walk had listed every directory and set its watch (null before).
   */
  readonly setup: { readonly markMs: number | null; readonly primedMs: number | null };
  readonly changes: number;
  readonly overflows: number;
  readonly resyncs: number;
  readonly lastResyncReason: string;
  /**
   * Under pressure: how often a directory was listed because too many of its names were marked, and how often
   * everything was listed because too many directories were dirty.
   */
  readonly collapses: { readonly directories: number; readonly root: number };
  /** Dirty marks waiting to be looked at. */
  readonly queueDepth: number;
  /** The last trouble with a directory, "" when there was none. */
  readonly lastError: string;
}

/** How the loading or the writing of an index ended: what the table held when the watch came to rest, in a file. */
export interface IndexOutcome {
  /** Why there is no index, as half a sentence; "" when there is one. */
  readonly reason: string;
  /** Its name. */
  readonly generation: string;
  readonly entries: number;
  readonly bytes: number;
}

/** What there is of an index while the watch runs. */
export interface JournalStatus {
  /** The checkpoint that a later run can go on from, "" when there is none. */
  readonly kept: string;
  /** One that was written and is not kept yet. */
  readonly next: string;
  /** Why there is none any more, as half a sentence. */
  readonly trouble: string;
  readonly bytes: number;
}

export interface NativeWatch {
  /**
   * Takes the tree of an earlier run for known, before `start`: the first tree walk reports what differs. Without a file
   * at `path`, the checkpoint and the journal count that a killed run left. What is of no use is removed.
   */
  loadIndex(path: string): Promise<IndexOutcome>;
  /**
   * No thread looks at anything any more, so that no further change comes; those that are there can be drained. False
   * when the threads did not come to rest in time. Afterwards only `drain`, `saveIndex` and `close` are of use.
   */
  freeze(patienceMs: number): Promise<boolean>;
  /** Writes what was reported, after `freeze` and after everything was drained. */
  saveIndex(path: string, generation: string, patienceMs: number): Promise<IndexOutcome>;
  /**
   * Writes what the table holds beside `path`, while the watch goes on, and notes from then on in a journal which names
   * come and go. A batch with the same mark follows. One call at a time.
   */
  writeCheckpoint(path: string, generation: string, patienceMs: number): Promise<IndexOutcome>;
  /**
   * A receiver accepted everything up to the mark of this checkpoint: a later run may go on from it, also when this one is
   * killed. Resolves with why not, "" when it counts.
   */
  keepCheckpoint(generation: string): Promise<string>;
  /** No later run may go on from a checkpoint of this one. */
  dropCheckpoints(reason: string): Promise<string>;
  journalStatus(): JournalStatus;
  /**
   * Begins the first tree walk. The watch calls `onReadable` (coalesced) when there is something to drain or the status
   * changed. False when the engine cannot run now: the root is unavailable, its reason says why, and this may be called
   * again.
   */
  start(): boolean;
  /** The next batch, of at most 1000 changes; null when there is none at the moment. */
  drain(): NativeLiveBatch | null;
  /** Raw mode only: JSON lines `{"mask":[..],"path","cookie","wd"}`, or null. */
  drainRaw(): Buffer | null;
  /**
   * Looks at this wire path again, with everything below it if `recursive`; with `announce` it also reports what did
   * not change.
   */
  recheck(path: string, recursive: boolean, announce: boolean): void;
  /** Lists the whole tree again (differences come out as changes). */
  resync(reason: string): void;
  /** The rows of the whole tree from the table, each directory once this tree walk has listed it. */
  openSnapshot(options: RowsOptions): NativeScan;
  /** As `openSnapshot`, but only the rows with `RowFlag.strong`. */
  openChanged(options: RowsOptions): NativeScan;
  /**
   * The rows of the whole tree behind a tree walk of its own that lists and stats everything once more: each
   * directory's row before the rows of what lies in it, with `audit_skipped` when it could not be listed to its end;
   * files with `parent_path` and `parent_mtime`.
   */
  openAudit(options: RowsOptions): NativeScan;
  /** A sweep over everything that is known now. Any number of them may run at once. */
  openSweep(rules: SweepRules): NativeSweep;
  status(): WatchStatus;
  /** Root and reason of the status only: cheap. */
  rootState(): Pick<WatchStatus, "root" | "reason"> & {
    /** Kernel events about names that begin with `WatchOptions.canary`. */
    readonly canaryEvents: number;
    /** Changes when another place does not answer (`WatchStatus.unanswered`), or one answers again. */
    readonly hangChanges: number;
  };
  /**
   * Which directory stands at the root: opaque text, the same after a restart of the machine. null before the root was
   * found.
   */
  rootIdentity(): string | null;
  /**
   * Accepts the other directory that stands at an unavailable root, and gives up lost mounts: what is not there then
   * counts as deleted. False when there was nothing to accept.
   */
  confirmRoot(): boolean;
  /**
   * Stops every thread, and leaves behind those that wait for a file system which does not answer. After it resolved
   * there is no callback.
   */
  close(): Promise<void>;
}
