/**
 * What a source hands over: live changes as objects, bulk rows as bytes.
 *
 * Two shapes on purpose. Live changes are few and every stage looks into them (coalescing, tombstones, mapping), so they
 * are objects. Bulk rows (snapshot, audit) are many and nobody looks into them, so they stay the JSON bytes that go on
 * the wire.
 */

/** A row as it goes on the wire. For the fs schema see {@link FsRow}. */
export type Row = Readonly<Record<string, unknown>>;

/** A full fs row (docs/protocol.md). Times are seconds since 1970 with fraction. */
export interface FsRow extends Record<string, unknown> {
  /** Relative to the root with a leading slash; the root itself is `/`. */
  readonly path: string;
  /** Last segment, "" for the root. */
  readonly file_name: string;
  readonly size: number;
  readonly modified_time: number;
  readonly created_time: number;
  readonly is_directory: boolean;
  /** Only on realtime rows of things that are no directories. */
  readonly is_atomic_write?: boolean;
}

/**
 * `insert`: the source knows that the row is new. One that cannot tell says `update` of every row that is there, as fs
 * does.
 */
export type ChangeOperation = "insert" | "update" | "delete";

/** One live change. Immutable: buses and pipes share it. */
export interface Change {
  readonly op: ChangeOperation;
  /** The row's identity inside its source, unlike that of any row of another table: the path for fs. */
  readonly key: string;
  /** The table that the row belongs to; absent: the one of the driver. */
  readonly table?: string;
  /** The whole row; of a deleted one only its identity (`{path}` for fs). */
  readonly row: Row;
  /**
   * The source's own clock when the row was read, comparable with {@link RowChunk.groupSequence}. Strictly growing per
   * key.
   */
  readonly sequence: number;
  /** Everything whose key lies below this key goes with it (an fs directory). */
  readonly isContainer: boolean;
  /**
   * Where the stream goes on after this change, in the source's own words (a WAL position, a GTID set). A source that
   * can go on there says it of those changes after which it can, such as the last one of each transaction.
   */
  readonly position?: string;
}

/** A batch of live changes in order, as pulled from a source. */
export interface ChangeBatch {
  readonly changes: readonly Change[];
  /** What the batch weighs in a queue: its JSON size or a fair estimate. */
  readonly sizeBytes: number;
  /** Age in milliseconds of the oldest kernel event behind the batch when the source handed it over. */
  readonly lagMs: number;
  /**
   * A name for everything up to the end of this batch, which may then be empty: once a pipe has noted that its receiver
   * accepted all of it, the source hears the name again (SourceDriver.kept).
   */
  readonly mark?: string;
}

/** Bits of {@link RowChunk.rowFlags}. */
export const RowFlag = {
  /** The receiver may hold something of this key that it takes for newer: the row is to be sent in a form that wins. */
  strong: 1,
  /** The row of a container that was not read to its end (`audit_skipped`). Never strong. */
  skipped: 2,
} as const;

/**
 * Rows in bulk: one buffer of JSON objects separated by single commas. A source that is no native engine makes them
 * with `encodeRows`.
 *
 * The buffer belongs to a fixed pool of the source: hand it back by `release()` exactly once, after the receiver
 * answered and never earlier. The contents are undefined afterwards. An empty pool is what slows the source down.
 */
export interface RowChunk {
  readonly rowCount: number;
  /** The rows; only `[0, rowOffsets[rowCount] - 1)` is meaningful. */
  readonly buffer: Uint8Array;
  /**
   * `rowCount + 1` entries: row i spans `[rowOffsets[i], rowOffsets[i + 1] - 1)`, the byte after it is the comma or
   * unused.
   */
  readonly rowOffsets: Uint32Array;
  /** Bits of {@link RowFlag}, a byte for each row. */
  readonly rowFlags: Uint8Array;
  /** First row of each group; a group is a run of rows read together from one container. Ascending, the first is 0. */
  readonly groupFirstRow: Uint32Array;
  /** Per group the source's clock just before its first row was read. */
  readonly groupSequence: Float64Array;
  /**
   * Key of the container that the rows of a group lie in, for fs the path of a directory; the root lies in itself, and
   * "" is for keys that lie in none. Undefined when the rows have no `path`.
   */
  groupContainer(group: number): string | undefined;
  /** The table that all rows of the chunk belong to; absent: the one of the driver. */
  readonly table?: string;
  release(): void;
}
