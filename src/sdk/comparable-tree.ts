/**
 * Trees that can be compared entry by entry: what a source reports, and what a receiver holds of it. Both sides name
 * entries by the same paths: those of the rows.
 */
export interface TreeEntry {
  /** As in rows: `/` is the root. */
  readonly path: string;
  readonly directory: boolean;
  readonly size: number;
  /** Seconds since 1970, the very number of the row. */
  readonly modified: number;
}

export interface ListOptions {
  readonly signal: AbortSignal;
  /** Levels below the path; 0 = only what stands at the path itself. Default: all. */
  readonly depth?: number;
  /** When there are more entries, none is listed. Default: no limit. */
  readonly limit?: number;
  /** Only the entries below the path that it says yes to. */
  readonly takes?: (path: string) => boolean;
}

export interface Listing {
  /** What stands at the path; undefined when nothing does. */
  readonly self: TreeEntry | undefined;
  /** What stands below it, in no order; nothing when there was too much. */
  readonly entries: readonly TreeEntry[];
  readonly tooMany: boolean;
  /** Paths that could not be looked at, each with the reason: nothing is known of them or of what is below them. */
  readonly unknown: ReadonlyMap<string, string>;
  /** There are further ones, which are not named. */
  readonly hasUnnamed: boolean;
}

/** Calls may run side by side. */
export interface ComparableTree {
  /**
   * Rejects as retryable when the same call may succeed later, and with FUSTOR_ABORTED when it was cancelled. A path
   * that holds nothing is no failure.
   */
  list(path: string, options: ListOptions): Promise<Listing>;
  /** About how many entries there are in all. Absent: it cannot say. */
  count?(signal: AbortSignal): Promise<number>;
  /** Frees connections; idempotent. */
  close(): Promise<void>;
}
