/** The parameters of an fs source in the units that the engine takes. Nothing is checked here: fs-params.ts did. */
import type { SourceSettings } from "../../sdk/index.ts";
import type { CheckpointRules } from "./checkpoints.ts";
import type { FsEngine, FsParams, StartupMode } from "./fs-params.ts";
import { type SweepOptions, sweepOptions } from "./sweep/sweep-options.ts";

export interface FsSourceOptions {
  /** Absolute path of the tree. */
  readonly root: string;
  readonly engine: FsEngine;
  readonly startupMode: StartupMode;
  readonly filePattern: string;
  readonly exclude: readonly string[];
  /** Absolute paths that are left out exactly: the agent's own files. */
  readonly excludePaths: readonly string[];
  readonly crossMounts: boolean;
  /** 0 = number of cores. */
  readonly scanThreads: number;
  /** Shortest time between two rows of a file that is being written. */
  readonly throttleMs: number;
  /** A budget below the kernel's limit; 0 = the kernel's alone. */
  readonly maxWatches: number;
  /** Each directory without a watch is listed once in this time. */
  readonly pollMs: number;
  /** The same on file systems that others change behind the kernel's back, with the engine `auto`; 0 = never. */
  readonly remotePollMs: number;
  /** Directories whose path is longer are not entered; 0 = no limit. */
  readonly maxPathBytes: number;
  /** A file is written into the root this often, to see that an event comes of it; 0 = never. */
  readonly canaryMs: number;
  /** Passes over the whole tree: weaker than other threads (0..19, 0 = as the process). */
  readonly scanNice: number;
  /** Class and level as of ioprio_set(2), 0 = as the process. */
  readonly scanIoPriority: number;
  /** 0 = no limit. */
  readonly scanEntriesPerSecond: number;
  readonly sweep: SweepOptions;
  readonly checkpoints: CheckpointRules;
}

export function fsOptions({ uri, params, excludePaths }: SourceSettings<FsParams>): FsSourceOptions {
  return {
    root: uri,
    engine: params.engine,
    startupMode: params.startup_mode,
    filePattern: params.file_pattern,
    exclude: params.exclude,
    excludePaths,
    crossMounts: params.cross_mounts,
    scanThreads: params.max_scan_workers,
    throttleMs: params.throttle_interval_sec * 1000,
    maxWatches: params.max_watches,
    pollMs: params.poll_interval_sec * 1000,
    remotePollMs: params.remote_poll_interval_sec * 1000,
    maxPathBytes: params.max_path_bytes,
    canaryMs: params.canary_interval_sec * 1000,
    scanNice: params.scan_nice,
    scanIoPriority: ioPriority(params.scan_ionice),
    scanEntriesPerSecond: params.scan_entries_per_second,
    sweep: sweepOptions(params.audit),
    checkpoints: {
      everyMs: params.checkpoint_interval_sec * 1000,
      journalBytes: params.max_journal_megabytes * 1_000_000,
    },
  };
}

const IO_CLASS_SHIFT = 13;
const IO_BEST_EFFORT = 2;
const IO_IDLE = 3;

/** `idle`, or `best-effort:0` to `best-effort:7`. */
function ioPriority(written: string | undefined): number {
  if (written === undefined) return 0;
  if (written === "idle") return IO_IDLE << IO_CLASS_SHIFT;
  return (IO_BEST_EFFORT << IO_CLASS_SHIFT) | Number(written.slice(-1));
}
