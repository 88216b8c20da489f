/** Scans, and streams of bulk rows: what crosses between C++ and JavaScript. See addon.ts. */

/** One filter for every phase, applied before the engine watches or lists a directory. */
export interface FilterOptions {
  /** Shell pattern (`*`, `?`, `[a-z]`, `[!x]`) on the name of everything that is not a directory. Default `*`. */
  readonly filePattern?: string;
  /**
   * Exclude globs: without a slash they match a name at any depth, with one the path from the root; `**` spans
   * directories; a trailing slash restricts to directories. The engine treats an excluded directory as if it did not
   * exist, with everything below it.
   */
  readonly exclude?: readonly string[];
  /** Absolute paths of the file system that are left out, each with everything below it. */
  readonly excludePaths?: readonly string[];
}

/** Throttling of scans and tree walks. */
export interface ThrottlingOptions {
  /** Nice value of their threads, 1..19. Default 0 = as the process. */
  readonly scanNice?: number;
  /** Class and level as of ioprio_set(2): class << 13 | level. Default 0 = as the process. */
  readonly scanIoPriority?: number;
  /** Entries looked at in a second, over all threads. Default 0 = no limit. */
  readonly scanEntriesPerSecond?: number;
}

export interface BulkOptions {
  /** Target size of a chunk. Default 512 KiB. */
  readonly chunkBytes?: number;
  /** Chunks in the pool; when the consumer holds all of them, the producer waits. Default 8. */
  readonly poolChunks?: number;
}

/** For the bulk rows of a watch. */
export interface RowsOptions extends BulkOptions {
  /**
   * Epoch second. Rows carry `RowFlag.strong` (sdk) when the entry, or a directory above it, was changed since by its
   * ctime. In an audit only a change counts that the modification time does not show.
   */
  readonly strongSince?: number;
}

/** Bounds of scans and watches. */
export interface BoundOptions {
  /**
   * Directories with a longer path below the root are not entered and count as unreadable. Default 4096; 0 = no limit.
   */
  readonly maxPathBytes?: number;
  /** A directory that has not answered for so long counts as unreadable. Default 5000. */
  readonly hangMs?: number;
}

export interface ScanOptions extends FilterOptions, BulkOptions, ThrottlingOptions, BoundOptions {
  /** 0 (default) = number of cores, and more (up to the chunks of the pool, 16 at most) while they wait for storage. */
  readonly threads?: number;
  /** Levels that are listed: 1 = only the root. Default 0 = all. */
  readonly maxDepth?: number;
  /** Follow into other mounted file systems (never pseudo file systems). Default true. */
  readonly crossMounts?: boolean;
  /**
   * Only these wire paths, by default the root. A path that does not exist has no row; `createScan` throws for one that
   * is no wire path.
   */
  readonly paths?: readonly string[];
  /** With everything below. Default true. */
  readonly recursive?: boolean;
  /**
   * NativeWatch.rootIdentity(). When another directory stands at the root at the beginning, the scan fails with ESTALE;
   * when one does at the end, `complete` is false.
   */
  readonly rootIdentity?: string;
}

/** A chunk as the addon returns it; src/native/bulk.ts turns it into a RowChunk. */
export interface NativeChunk {
  /** Handle for `release`. */
  readonly slot: number;
  /** A persistent Buffer over the pool's memory, longer than what is used. */
  readonly buffer: Buffer;
  readonly rowCount: number;
  readonly rowOffsets: Uint32Array;
  /** Bits of `RowFlag` (sdk), a byte for each row. */
  readonly rowFlags: Uint8Array;
  readonly groupFirstRow: Uint32Array;
  readonly groupSequence: Float64Array;
  /** The wire paths of the groups' directories with JSON escapes, one after the other; "" is the root's. */
  readonly groupDirs: Buffer;
  /** Where each of them ends. */
  readonly groupDirEnds: Uint32Array;
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
  /** True when the whole tree was read: not cancelled, and the root was there from beginning to end. */
  readonly complete: boolean;
}

/** A stream of bulk rows: a stateless scan, or a snapshot or audit of a watch. */
export interface NativeScan {
  /**
   * The next chunk, or null at the end. Rejects with an Error with `code` (`ENOENT`, `ENOTDIR`, `EACCES` ...) when the
   * root itself fails.
   */
  next(): Promise<NativeChunk | null>;
  release(slot: number): void;
  cancel(): void;
  summary(): ScanSummary;
  /**
   * Gives the pool's memory back at once, where else the collector does it some time later. Every Buffer of the scan is
   * empty from here on, so call it when no chunk is in use. Cancels a scan that has not ended. `summary` still answers.
   */
  close(): void;
}
