/**
 * The types of the C++ addon: exactly what crosses between C++ and JavaScript. Nothing else in the project touches a
 * .node file.
 *
 * Paths are wire paths (docs/protocol.md): relative to the root, with a leading slash, invalid bytes escaped. Only the
 * root itself is given as an absolute path of the file system.
 */
import type { NativeScan, ScanOptions } from "./scan.ts";
import type { SweepTask } from "./sweep.ts";
import type { NativeWatch, WatchOptions } from "./watch.ts";

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
  /** Maps rows `[from, to)` of a chunk. The chunk does not change. */
  map(buffer: Uint8Array, rowOffsets: Uint32Array, from: number, to: number): NativeMappedRows;
}

export interface Addon {
  readonly engineVersion: string;
  createScan(root: string, options: ScanOptions): NativeScan;
  createWatch(root: string, options: WatchOptions, onReadable: () => void): NativeWatch;
  /**
   * One task of a sweep; throws when the share is none. Worker threads call it. A file system that does not answer holds
   * it up.
   */
  sweepTask(task: SweepTask): Uint8Array;
  createRowMapper(steps: readonly NativeMappingStep[]): NativeRowMapper;
  /**
   * Locks a file (flock), without following a link. `unlock` closes it; `isCurrent` is true while the path still leads
   * to the locked file. Null when another process holds the lock; throws an Error with the `code` of errno.
   */
  lockFile(path: string): { unlock(): void; isCurrent(): boolean } | null;
  /**
   * Whether a process holds that lock; it does not create the file. A lockFile() at the same moment may fail because of
   * it.
   */
  probeLock(path: string): "held" | "free" | "missing";
  /**
   * Points standard output and standard error at another open file: dup2(2), which Node does not have. Throws the
   * kernel's error.
   */
  redirectOutput(descriptor: number): void;
  /** Ends the process at once: _exit(2). What was not written yet is lost. */
  exitNow(exitCode: number): never;
  /**
   * Whether the reader of this open file has gone: poll(2), so that the agent knows it before the next write fails.
   */
  isHungUp(descriptor: number): boolean;
  /**
   * Sends one datagram to a Unix socket, without waiting: a path, or `@name` for an abstract one. Node has no such
   * sockets. Throws an Error with the `code` of errno.
   */
  notifySocket(address: string, text: string): void;
  /** The wire form of raw bytes (docs/protocol.md), for a path or a name. */
  encodeName(raw: Buffer): string;
  /** The raw bytes, or null when `encodeName` would not make this text of them. */
  decodeName(text: string): Buffer | null;
}
