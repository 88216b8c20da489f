import type { FilterOptions } from "../../native/scan.ts";
import type { WatchOptions } from "../../native/watch.ts";
import { CANARY_PREFIX } from "./canary.ts";
import type { FsSourceOptions } from "./fs-options.ts";

/** What neither scans nor the watch see; the files of the canary are nobody's rows. */
export function filterOf({ filePattern, exclude, excludePaths, canaryMs }: FsSourceOptions): Required<FilterOptions> {
  const canaries = canaryMs > 0 ? [`/${CANARY_PREFIX}*`] : [];
  return { filePattern, exclude: [...exclude, ...canaries], excludePaths };
}

/** The watch of a source. `expectedRootIdentity`: of the root that an earlier run watched. */
export const watchOptions = (options: FsSourceOptions, expectedRootIdentity: string | undefined): WatchOptions => ({
  ...filterOf(options),
  crossMounts: options.crossMounts,
  threads: options.scanThreads,
  throttleMs: options.throttleMs,
  mode: options.engine === "parcel" ? "poll" : options.engine,
  maxWatches: options.maxWatches,
  pollMs: options.pollMs,
  elsewherePollMs: options.remotePollMs,
  maxPathBytes: options.maxPathBytes,
  ...(options.canaryMs > 0 ? { canary: CANARY_PREFIX } : {}),
  ...(expectedRootIdentity === undefined ? {} : { expectedRootIdentity }),
  scanNice: options.scanNice,
  scanIoPriority: options.scanIoPriority,
  scanEntriesPerSecond: options.scanEntriesPerSecond,
});
