/** Sweeps: what crosses between C++ and JavaScript. See addon.ts. */

import type { SweepMode } from "../sdk/index.ts";

export type DigestName = "xxh3" | "sha256" | "blake3";

export interface SweepRules {
  /** `names`: directories alone. `stat`: every entry. `hash`: the contents of files, too. */
  readonly mode: SweepMode;
  readonly digest: DigestName;
  /** The thread of a task has the lowest priority from then on. Default true. */
  readonly polite?: boolean;
  /** Files whose contents are not on the disk are read all the same. Default false. */
  readonly recall?: boolean;
  /** Larger files are not hashed; 0 = no limit. */
  readonly maxFileBytes: number;
  /** Younger files are not hashed. */
  readonly minAgeSec: number;
  /** A task stops after so long. Default 50. */
  readonly taskMs?: number;
}

/** What is to be looked at, and what is known of it: opaque bytes for a task. */
export interface NativeShare {
  readonly kind: "share";
  readonly share: Uint8Array;
  /** The one file system that it lies on, by its device number. */
  readonly device: number;
  /** Entries and directories. */
  readonly looks: number;
  /** Wire path of its first directory. */
  readonly path: string;
  /** Entries that are known and in no share, because their directories cannot be read at the moment. */
  readonly missed: number;
}

/** `unavailable`: the root is not there, so that what is left cannot be looked at. */
export type NativeNext = NativeShare | { readonly kind: "end" | "unavailable"; readonly missed: number };

/** Places in {@link SweepTask.pulse}. */
export const PULSE = { steps: 0, recalls: 1, length: 2 } as const;

/** The argument of `sweepTask`, which a worker thread runs. */
export interface SweepTask {
  readonly share: Uint8Array;
  /** The result of the task before for the same share. */
  readonly before: Uint8Array | null;
  /** In shared memory: other than 0 ends the task soon. */
  readonly cancel: Int32Array;
  /**
   * In shared memory, of this task alone, see {@link PULSE}: `steps` grows whenever the file system has answered,
   * `recalls` is 1 while a file is read whose contents are not on the disk.
   */
  readonly pulse: Int32Array;
}

/** Entries and directories by what was found out about them: see `SweepVerdict` (native/include/fustor/sweep.h). */
export type SweepVerdicts = Readonly<
  Record<
    "same" | "differs" | "gone" | "unreadable" | "hashed" | "changed" | "tooLarge" | "tooYoung" | "offline",
    number
  >
>;

export interface NativeSweepReport {
  /** The share is done; otherwise its result goes into the next task. */
  readonly done: boolean;
  /** The root was not there: nothing was looked at. */
  readonly rootGone: boolean;
  readonly looks: number;
  /** Entries of directories that could not be reached. */
  readonly missed: number;
  readonly readBytes: number;
  /** Time of a processor that the task took. */
  readonly cpuMs: number;
  readonly verdicts: SweepVerdicts;
  /** Files with other contents under the same inode, size and times. */
  readonly corrupted: number;
  /** Wire paths of at most 20 of them. */
  readonly corruptedPaths: readonly string[];
}

export interface NativeSweep {
  next(): NativeNext;
  /** Takes what a task said of a share: what differs is looked at again and comes as changes. */
  apply(share: Uint8Array, result: Uint8Array): NativeSweepReport;
  /**
   * Before the first share: forgets digests of files that the watch does not know any more, some milliseconds at a time.
   * False when nothing is left to do.
   */
  prune(): boolean;
  digests(): { readonly count: number; readonly bytes: number };
}
