import type { Change, ChangeBatch, Row, RowChunk } from "./changes.ts";
import type { SourceAvailability, SourceStatus } from "./source-status.ts";

export interface CallOptions {
  /** Aborting ends the call; an iterable then ends or throws FUSTOR_ABORTED, soon. */
  readonly signal: AbortSignal;
}

export interface SnapshotOptions extends CallOptions {
  /**
   * Epoch second. Rows carry {@link RowFlag.strong} when the entry or a container above it was changed since, by a time
   * that no program can set back (`ctime`). Absent: none does.
   */
  readonly strongSince?: number;
}

export interface AuditOptions extends SnapshotOptions {
  /** Resolves when the receiver took the first chunk; never, when it does not come to that. */
  readonly opened: Promise<void>;
}

export interface RescanOptions extends CallOptions {
  /** Resolves when the receiver took the first chunk; never, when it does not come to that. */
  readonly opened: Promise<void>;
}

/** What a look at one key said. Keys about which nothing can be said are left out. */
export type Verified =
  | { readonly key: string; readonly exists: true; readonly row: Row }
  | { readonly key: string; readonly exists: false };

export interface StreamOptions extends CallOptions {
  /**
   * The newest {@link Change.position} up to which the receiver has everything; absent when it lacks something, or when
   * nobody knows. A source that cannot go on there, or was given none, answers `positionLost: true`.
   */
  readonly position?: string;
}

/** The live stream of a source from a position on. */
export interface MessageStream {
  /**
   * Live changes, pulled: the driver buffers (bounded, by its own stated policy) until asked.
   * Ends only by abort, close or failure (it throws).
   */
  readonly batches: AsyncIterable<ChangeBatch>;
  /** The driver cannot start at the position asked for and starts from now on instead: history needs a snapshot. */
  readonly positionLost: boolean;
  /** Where it begins, in the words of {@link Change.position}: kept until a change tells a newer one. */
  readonly position?: string;
}

export interface BulkRows {
  /**
   * The rows in bulk, a directory's row before those of its children. Throws FUSTOR_SOURCE_UNAVAILABLE (retryable) when
   * the source went away before the end: the consumer then must not send an end signal.
   */
  readonly chunks: AsyncIterable<RowChunk>;
  /** Rows handed over so far, and how many are expected when a previous total is known. */
  progress(): { readonly rows: number; readonly expectedRows?: number };
}

/**
 * Senses one data source. Safe for one realtime stream and any number of bulk streams at once.
 * One driver object serves every pipe on the same source; the agent closes it when the last one is gone.
 */
export interface SourceDriver {
  /** `event_schema` on the wire, e.g. `fs`. */
  readonly schema: string;
  /** `table` on the wire, e.g. `files`, of every change and chunk that names none. */
  readonly table: string;
  /** Keys of a full row of that table, in order. */
  readonly fields: readonly string[];
  /**
   * Whether the last state of a key stands for all the changes that led to it. The queue of a pipe that lags may then
   * leave out what lies between; if not, such a pipe reports a loss and sends a snapshot. Absent: it does, as for fs.
   */
  readonly lastStateIsEnough?: boolean;
  /** Where the data is, as the sessions name it to the receiver. */
  readonly uri: string;

  /**
   * Starts to sense. Resolves when live changes are being collected; a source that is away is a state, not an error.
   * Rejects on what can never work (a configuration that contradicts itself).
   */
  open(options: CallOptions): Promise<void>;

  /**
   * The live stream; `startPosition` is a committed index, -1 = none. One stream at a time. A source with positions of
   * its own goes by `options.position` instead.
   */
  getMessageIterator(startPosition: number, options: StreamOptions): MessageStream;

  /**
   * The receivers of all pipes on this source have accepted this change of the live stream and every one before it: a
   * source that keeps what was not accepted (a replication slot, an offset of a consumer) need not keep it any longer.
   * Called for the last change of a batch. What a pipe has lost, because its queue was full, counts as accepted: a
   * snapshot makes up for it. Must neither throw nor wait. Absent: nothing is kept.
   */
  acknowledged?(change: Change): void;

  /** Everything there is, as rows, concurrent with the live stream. Waits while the source is starting. */
  getSnapshotIterator(options: SnapshotOptions): BulkRows;

  /**
   * As {@link getSnapshotIterator}, but only the rows that are strong. Absent: the pipe reads a whole snapshot and
   * leaves out the others.
   */
  changedSince?(second: number, options: CallOptions): BulkRows;

  /**
   * Everything there is, for an audit: Fusion removes what it holds in a container of the audit when
   * the audit did not hold it.
   *
   *   - The first chunk holds the root's row alone; everything else is read after `opened` resolved.
   *   - A container's row precedes those of its children. One that could not be read to its end carries `audit_skipped: true`.
   *   - Strong are only rows of changes that the modification time does not show (a rename, restored times), and what
   *     lies below a container that was changed so.
   *   - Rows that differ from what was reported last come as live changes, too.
   *   - Unless everything was covered the iteration throws (FUSTOR_SOURCE_UNAVAILABLE, retryable); it never just ends.
   *
   * Absent: the source knows no audits.
   */
  getAuditIterator?(options: AuditOptions): BulkRows;

  /**
   * Looks at some keys now, without waiting for one that hangs longer than it must; what differs from what was reported
   * last comes as live changes. A key outside the source is left out.
   */
  verify?(keys: readonly string[], options: CallOptions): Promise<readonly Verified[]>;

  /**
   * The rows of a key, with everything below if `recursive`; none when there is no such key. The iteration throws
   * FUSTOR_SOURCE_PATH_REFUSED for a key that leads out of the source.
   */
  scan?(key: string, recursive: boolean, options: CallOptions): BulkRows;

  /**
   * The rows of these containers and of their children, not of what lies deeper; for the receiver to be told again
   * where changes of this source were too many to be kept.
   *
   *   - The first chunk holds the row of one of the containers alone, if any exists; everything else is read after `opened` resolved.
   *   - A container's row precedes those of its children. One that is not there (any more) has no rows.
   *   - Unless everything that exists was covered the iteration throws; it never just ends.
   *
   * Absent: such changes are lost, and a snapshot follows.
   */
  rescan?(containers: readonly string[], options: RescanOptions): BulkRows;

  /**
   * The generation that an earlier run left with `freeze`, when this one goes on from there: its stream then holds what
   * differs from what that run had reported. Known once `open` resolved. Absent or undefined: it begins anew.
   */
  readonly resumedFrom?: string | undefined;

  /**
   * Comes to rest before it is closed: nothing is sensed any more, and what was sensed is in the live stream when this
   * resolves. The name of what was reported until then, under which a later run can go on; undefined when none can.
   * Never rejects. Afterwards only `close` is called. Absent: the driver keeps nothing.
   */
  freeze?(): Promise<string | undefined>;

  /**
   * A pipe has noted that its receiver accepted everything up to this mark of the live stream (ChangeBatch.mark): a later
   * run may go on from there, and answers then with this name for {@link resumedFrom}. Must neither throw nor wait.
   * Absent: the source sets no marks.
   */
  kept?(mark: string): void;

  status(): SourceStatus;

  /**
   * An operator says that what stands at the root now is meant, although it is not what was there before: from now on
   * it counts, and what it lacks counts as deleted. False when there was nothing to confirm. Absent: the driver never
   * waits for such a word.
   */
  confirm?(): boolean;

  /**
   * Begins, pauses, resumes or cancels a sweep: what is there is compared with what was reported last, in the background,
   * and what differs comes as live changes. False when one runs already, or none does. How far it is, `status` says, as
   * {@link SweepFacts} in the member `sweep`. Absent: the source knows no sweeps.
   */
  sweep?(command: SweepCommand): boolean;

  /** Calls back after each change of availability, until the returned function is called. */
  onAvailability(listener: (availability: SourceAvailability) => void): () => void;

  /** Ends every stream and frees everything; idempotent. No callback after it resolved. */
  close(): Promise<void>;
}

/** How thoroughly a sweep looks: at containers, at every entry, at the contents of entries, too. */
export type SweepMode = "names" | "stat" | "hash";

export type SweepCommand =
  /** Without a mode: as the source is configured. */
  | { readonly kind: "start"; readonly mode?: SweepMode }
  | { readonly kind: "pause" }
  | { readonly kind: "resume" }
  | { readonly kind: "cancel" };

export interface SweepProgress {
  readonly mode: SweepMode;
  readonly looked: number;
  /** As many entries as there were at the beginning. */
  readonly expected: number;
  readonly readBytes: number;
  readonly entriesPerSecond: number;
  readonly bytesPerSecond: number;
  readonly etaMs?: number;
}

/** `cut short`: the source went away, or a worker failed. */
export type SweepOutcome = "complete" | "cancelled" | "cut short";

export interface EndedSweep {
  readonly mode: SweepMode;
  readonly outcome: SweepOutcome;
  readonly looked: number;
  readonly readBytes: number;
  /** Entries that nobody could look at, because what they lie on did not answer or could not be opened. */
  readonly skipped: number;
  /** Entries that this sweep found to have other contents, although nothing else of them changed. */
  readonly corrupted: number;
  /** The last ones of them. */
  readonly corruptedPaths: readonly string[];
  readonly elapsedMs: number;
  /** Entries by what was found out about them. */
  readonly verdicts: Readonly<Record<string, number>>;
}

/** What every source with sweeps says of them; it may add members. */
export interface SweepFacts {
  readonly state: "idle" | "running" | "paused";
  /** Counts the sweeps that have begun. */
  readonly number: number;
  readonly progress?: SweepProgress;
  /** The last one that ended. */
  readonly last?: EndedSweep;
  /** Entries with other contents than before, although nothing else of them changed; counted since the start. */
  readonly corrupted: number;
  /** The last ones of them. */
  readonly corruptedPaths: readonly string[];
}
