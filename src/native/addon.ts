/**
 * The typed face of the C++ addon: exactly what crosses the border. Nothing else in the project touches a .node file.
 *
 * Paths that cross are wire paths (docs/protocol.md): relative to the root, leading slash, invalid bytes escaped; the root itself is given
 * as an absolute file system path.
 */

/** One filter for every phase, applied before a directory is armed or listed. */
export interface FilterOptions {
  /** Shell pattern (`*`, `?`, `[a-z]`, `[!x]`) on the name of everything that is not a directory. Default `*`. */
  readonly filePattern?: string;
  /**
   * Exclude globs: without a slash they match a name at any depth, with one the path from the root; `**` spans directories;
   * a trailing slash restricts to directories. An excluded directory's subtree does not exist for us.
   */
  readonly exclude?: readonly string[];
  /** Absolute file system paths that are left out with everything below them, exactly. */
  readonly excludePaths?: readonly string[];
}

/** How little whoever reads a whole tree gets in others' way. */
export interface PolitenessOptions {
  /** Weaker than other threads, 1..19. Default 0 = as the process. */
  readonly scanNice?: number;
  /** Class and level as of ioprio_set(2): class << 13 | level. Default 0 = as the process. */
  readonly scanIoPriority?: number;
  /** Entries looked at in a second, over all threads. Default 0 = no limit. */
  readonly scanEntriesPerSecond?: number;
}

export interface BulkOptions {
  /** Target size of a chunk. Default 512 KiB. */
  readonly chunkBytes?: number;
  /** Chunks in the pool; when all are out the producer waits. Default 8. */
  readonly poolChunks?: number;
}

/** Where whoever reads a tree stops. */
export interface BoundOptions {
  /** Directories whose path below the root is longer are not entered and count as unreadable. Default 4096; 0 = no limit. */
  readonly maxPathBytes?: number;
  /** What has not answered for so long counts as unreadable. Default 5000. */
  readonly hangMs?: number;
}

export interface ScanOptions extends FilterOptions, BulkOptions, PolitenessOptions, BoundOptions {
  /** 0 (default) = number of cores, and more (up to the chunks of the pool, 16 at most) while they wait for storage. */
  readonly threads?: number;
  /** Levels that are listed: 1 = only the root. Default 0 = all. */
  readonly maxDepth?: number;
  /** Follow into other mounted file systems (never pseudo file systems). Default true. */
  readonly crossMounts?: boolean;
  /** Only these wire paths, the root by default; what is not there has no row. Throws for what is no wire path. */
  readonly paths?: readonly string[];
  /** With everything below. Default true. */
  readonly recursive?: boolean;
  /** NativeWatch.rootIdentity(): another directory at the root is an error (ESTALE) at the beginning, and `complete` is false at the end. */
  readonly rootIdentity?: string;
}

/** As it crosses the border; src/native/bulk.ts turns it into a RowChunk. */
export interface NativeChunk {
  /** Handle for `release`. */
  readonly slot: number;
  /** A persistent Buffer over the pool's memory, longer than what is used. */
  readonly buffer: Buffer;
  readonly rowCount: number;
  readonly rowOffsets: Uint32Array;
  readonly groupFirstRow: Uint32Array;
  readonly groupSequence: Float64Array;
}

export interface ScanError {
  /** Wire path. */
  readonly path: string;
  /** Symbolic name such as `EACCES`. */
  readonly code: string;
  /** What failed: `open`, `list` or `stat`. */
  readonly operation: string;
}

export interface ScanSummary {
  readonly directories: number;
  readonly files: number;
  readonly symlinks: number;
  readonly others: number;
  readonly rows: number;
  readonly bytes: number;
  /** Directories that could not be opened or listed to the end. */
  readonly failedDirectories: number;
  /** Entries that vanished between listing and stat: normal on a living tree. */
  readonly vanished: number;
  readonly errorsByCode: Readonly<Record<string, number>>;
  /** The first 100. */
  readonly errors: readonly ScanError[];
  readonly elapsedMs: number;
  /** Whether the whole tree was covered: not cancelled, and the root was there from beginning to end. */
  readonly complete: boolean;
}

/** A stateless scan of a tree. */
export interface NativeScan {
  /** The next chunk, or null at the end. Rejects with an Error with `code` (`ENOENT`, `ENOTDIR`, `EACCES` ...) when the root itself fails. */
  next(): Promise<NativeChunk | null>;
  release(slot: number): void;
  cancel(): void;
  summary(): ScanSummary;
}

/** Politeness is that of passes over the whole tree; live changes are always looked at at full speed. */
export interface WatchOptions extends FilterOptions, PolitenessOptions, BoundOptions {
  readonly threads?: number;
  readonly crossMounts?: boolean;
  /** A file found by a listing only and younger than this is reported as not atomic, then confirmed. Default 2000. */
  readonly settleMs?: number;
  /** Shortest time between two rows of a file that is being written. Default 1000. */
  readonly throttleMs?: number;
  /** `auto` takes fanotify where it runs and inotify elsewhere; `poll` uses no kernel events at all. Default `inotify`. */
  readonly mode?: "auto" | "fanotify" | "inotify" | "poll";
  /** A budget of watches below the kernel's own limit; 0 = only the kernel's. */
  readonly maxWatches?: number;
  /** Each directory without a watch is listed once in this time. Default 60,000. */
  readonly pollMs?: number;
  /** The same in mode `auto` for those on file systems that others change behind the kernel's back. Default 10,000; 0 = never. */
  readonly elsewherePollMs?: number;
  /** `rootIdentity` of an earlier run: when another directory stands at the root, it is unavailable until `confirmRoot`. */
  readonly expectedRootIdentity?: string;
  /** A pass over the tree that misses more than half of the entries looks at them again after this time. Default 5000; 0 = at once. */
  readonly confirmDeletesMs?: number;
  /** Names that begin so are for a canary: their events are counted in `rootState` and go no further. Exclude them from the rows as well. */
  readonly canary?: string;
  /** Raw events are handed out by `drainRaw` and nothing else happens with them. */
  readonly raw?: boolean;
}

/** A batch of live changes: JSON text of an array of Change (sdk/changes.ts). */
export interface NativeLiveBatch {
  readonly json: Buffer;
  readonly count: number;
  readonly lagMs: number;
}

/** Directories without a watch, for one cause; a few seconds old. */
export interface Unwatched {
  readonly count: number;
  /** How long ago the one that was listed longest ago was listed, in whole seconds; 0 also when none was listed yet. */
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

/** What watches `count` file systems of one kind, and why. */
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
  /** What watches the file systems. */
  readonly engines: readonly EngineFact[];
  /** Wire paths of directories below which something was mounted that is gone or replaced; the contents are kept. At most 20. */
  readonly lostMounts: readonly string[];
  /** Entries that the last pass over the tree missed, when that is more than half of all: a second look decides. */
  readonly heldDeletes: number;
  /** Directories on file systems that others change behind the kernel's back: polled, with a watch or without (`elsewherePollMs`). */
  readonly polledElsewhere: number;
  /** Directories that could not be read. */
  readonly unreadable: number;
  /** The same by reason, each with the wire paths of at most 20 of them. */
  readonly unreadableBy: Readonly<Record<string, Unreadable>>;
  /** Places (mounted file systems, or directories) that do not answer, the longest first. At most 20. Everything else goes on. */
  readonly unanswered: readonly Unanswered[];
  readonly rawEvents: number;
  /** Kernel events by what they told: create, delete, movedFrom, movedTo, modify, closeWrite, attrib, deleteSelf, moveSelf. */
  readonly eventsByKind: Readonly<Record<string, number>>;
  /** Batches handed out, by the age of their oldest event; the last bucket has no limit (null). */
  readonly lagHistogram: readonly { readonly atMostMs: number | null; readonly batches: number }[];
  /**
   * Milliseconds from the start: `markMs` until the mark on the root's file system was set (fanotify; null with inotify), `primedMs` until
   * the first pass had watched and listed every directory, and with fanotify had their handles in its cache (null before).
   */
  readonly setup: { readonly markMs: number | null; readonly primedMs: number | null };
  readonly changes: number;
  readonly overflows: number;
  readonly resyncs: number;
  readonly lastResyncReason: string;
  /** Under pressure: how often a directory was listed because too many of its names were marked, and everything because too many were. */
  readonly collapses: { readonly directories: number; readonly root: number };
  /** Dirty marks waiting to be looked at. */
  readonly queueDepth: number;
  /** The last trouble with a directory, "" when there was none. */
  readonly lastError: string;
}

export interface NativeWatch {
  /**
   * Begins the first pass. `onReadable` is called (coalesced) when there is something to drain or the status changed. False when the engine
   * cannot run now: the root is unavailable, its reason tells why, and this may be called again.
   */
  start(): boolean;
  /** At most `maxChanges` changes, or null when there is none at the moment. */
  drain(maxChanges: number): NativeLiveBatch | null;
  /** Raw mode only: JSON lines `{"mask":[..],"path","cookie","wd"}`, or null. */
  drainRaw(): Buffer | null;
  /** Looks at this wire path again, with everything below if `recursive`; `announce` reports also what did not change. */
  recheck(path: string, recursive: boolean, announce: boolean): void;
  /** Lists the whole tree again (differences come out as changes). */
  resync(reason: string): void;
  /** The rows of the whole tree from the table, each directory once it has been listed in this pass. */
  openSnapshot(options: BulkOptions): NativeScan;
  /**
   * The rows of the whole tree behind a pass of its own that lists and stats everything once more: each directory's row before the
   * rows of what lies in it, with `audit_skipped` when it could not be listed to its end; files with `parent_path` and `parent_mtime`.
   */
  openAudit(options: BulkOptions): NativeScan;
  status(): WatchStatus;
  /** Root and reason of the status only: cheap. */
  rootState(): Pick<WatchStatus, "root" | "reason"> & {
    /** Kernel events about names that begin with `WatchOptions.canary`. */
    readonly canaryEvents: number;
    /** Moves when another place does not answer (`WatchStatus.unanswered`), or one answers again. */
    readonly hangChanges: number;
  };
  /** Which directory stands at the root: opaque text, the same after a restart of the machine. null before the root was found. */
  rootIdentity(): string | null;
  /**
   * Accepts the other directory that stands at an unavailable root, and gives up lost mounts: what is not there then counts as deleted.
   * False when there was nothing to accept.
   */
  confirmRoot(): boolean;
  /** Stops every thread, leaving behind those that wait for a file system which does not answer; no callback after it resolved. */
  close(): Promise<void>;
}

/** One rule of `fields_mapping`: a constant (JSON text), or a member of the row and what it becomes. */
export interface NativeMappingStep {
  /** Segments of the dotted target. */
  readonly target: readonly string[];
  readonly constant?: string;
  readonly source?: string;
  readonly type?: "string" | "integer" | "number" | "boolean";
}

export interface NativeMappedRows {
  /** The row to go on with: one that needs a full parser, or `to`. */
  readonly end: number;
  /** Mapped rows separated by single commas, in memory of their own. Rows of which nothing is left are not there. */
  readonly buffer: Buffer;
  readonly rowOffsets: Uint32Array;
  /** Steps that were left out because something above their target is a plain value. */
  readonly conflicts: Uint32Array;
}

export interface NativeRowMapper {
  /** Maps rows `[from, to)` of a chunk, which stays as it is. */
  map(buffer: Uint8Array, rowOffsets: Uint32Array, from: number, to: number): NativeMappedRows;
}

export interface Addon {
  readonly engineVersion: string;
  createScan(root: string, options: ScanOptions): NativeScan;
  createWatch(root: string, options: WatchOptions, onReadable: () => void): NativeWatch;
  createRowMapper(steps: readonly NativeMappingStep[]): NativeRowMapper;
  /**
   * Names of errno values and the like come from C++. flock, without following a link: the returned handle's `unlock` closes it, and its
   * `isCurrent` tells whether the path still leads to the locked file. null when somebody else holds it.
   */
  lockFile(path: string): { unlock(): void; isCurrent(): boolean } | null;
  /** Whether somebody holds that lock, without making the file. A lockFile() at that very moment may be refused. */
  probeLock(path: string): "held" | "free" | "missing";
  /** Points standard output and standard error at another open file: dup2(2), which Node does not have. Throws what the kernel says. */
  redirectOutput(descriptor: number): void;
  /** Ends the process at once: _exit(2). What was not written yet is lost. */
  exitNow(exitCode: number): never;
  /** Whether whoever read what is written to this open file has gone: poll(2), so that it is known before the next write fails. */
  isHungUp(descriptor: number): boolean;
  /** docs/protocol.md, for a path or a name. */
  encodeName(raw: Buffer): string;
  /** The raw bytes, or null when `text` does not encode back to itself. */
  decodeName(text: string): Buffer | null;
}
