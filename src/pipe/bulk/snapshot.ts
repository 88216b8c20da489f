/**
 * The snapshot of a session's leader: one pass over everything, then one end signal; or, when the receiver holds the
 * history already, the end signal alone.
 *
 * A source that fails in the middle means a new pass after a pause, never an end. Losing the leadership drops the pass:
 * nothing more is sent, the next promotion starts anew.
 *
 * An operator may pause it: nothing of it is sent, and its reader, once its few chunks are full, asks the source for no
 * more. What they hold grows old meanwhile. So the pass is dropped, and begins anew when the snapshot goes on, if not
 * all live changes that supersede their rows can be remembered, or if a rescan told directories. An operator may cancel
 * it as well: it gets no end, so the receiver never takes what it got for everything.
 */
import { type AuditOptions, type BulkRows, describeError, isFustorError, omitUndefined } from "../../sdk/index.ts";
import type { PipeStore } from "../../sdk/state-store.ts";
import type { SnapshotState } from "../pipe-status.ts";
import type { Batch } from "../send/batch.ts";
import { BulkBatch } from "../send/bulk-batch.ts";
import { EndBatch } from "../send/end-batch.ts";
import type { WorkItem } from "../send/work-item.ts";
import { AskedSnapshots } from "./asked-snapshots.ts";
import type { BulkJob, Ending, Reading, Retry, Run } from "./bulk-job.ts";
import type { BulkParts } from "./bulk-parts.ts";
import type { Cut, Progress } from "./bulk-reader.ts";
import { BulkRunner } from "./runner.ts";
import { SnapshotMeter, type SnapshotPace } from "./snapshot-meter.ts";
import { type SnapshotOrder, strongSinceOf } from "./snapshot-order.ts";
import { SnapshotPause } from "./snapshot-pause.ts";

export interface SnapshotParts extends BulkParts {
  /** The shortest time between the beginnings of two that the receiver asks for. */
  readonly betweenAskedMs: number;
  /** Knows how many rows the last whole snapshot had. */
  readonly store: Pick<PipeStore, "lastSnapshotRows">;
}

export class SnapshotJob implements BulkJob<SnapshotOrder> {
  readonly runner: BulkRunner<SnapshotOrder>;
  readonly #parts: SnapshotParts;
  readonly #meter: SnapshotMeter;
  readonly #asked: AskedSnapshots;
  readonly #pause: SnapshotPause;
  /** What is owed, from `begin` to the accepted end. */
  #owed: SnapshotOrder | undefined;
  #outcome: "none" | "complete" | "cancelled" = "none";
  /** One ended since the session leads. */
  #hasEnded = false;
  /** Of one that an operator cancelled: the next one has still to lift these rows. */
  #strongSinceLeft: number | undefined;
  #trouble: string | undefined;

  constructor(parts: SnapshotParts) {
    this.#parts = parts;
    this.runner = new BulkRunner(this, parts);
    this.#pause = new SnapshotPause(parts.ambience, parts.superseded);
    this.#asked = new AskedSnapshots(parts.ambience, parts.betweenAskedMs, (askedAt) =>
      parts.emit({ kind: "snapshot wanted", askedAt }),
    );
    this.#meter = new SnapshotMeter(parts.ambience, parts.logger, () => {
      const { rows, expectedRows = parts.store.lastSnapshotRows?.() } = this.progress;
      return expectedRows === undefined ? { rows } : { rows, expectedRows };
    });
  }

  get state(): SnapshotState {
    if (this.#owed === undefined) return this.#outcome;
    return this.#pause.isOn ? "paused" : "running";
  }

  /** Undefined when none is paused. */
  get pausedForMs(): number | undefined {
    return this.#pause.forMs;
  }

  /** One was sent to its end in this time as a leader. */
  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /** Why no rows come at the moment, undefined when nothing is wrong. */
  get trouble(): string | undefined {
    return this.#trouble;
  }

  get progress(): Progress {
    return this.runner.progress;
  }

  /** How fast it goes, undefined when none runs. */
  get pace(): SnapshotPace | undefined {
    return this.#meter.pace;
  }

  /**
   * Begins a snapshot of everything. One that runs is dropped, but the rows that it was to lift are still to be
   * lifted, and a pause holds on.
   */
  begin(strongSince?: number): void {
    const left = strongSinceOf(this.#owed) ?? this.#strongSinceLeft;
    this.#owe({ kind: "everything", strongSince: strongSince ?? left });
  }

  /** Owes the end signal alone. */
  beginEnd(): void {
    this.#owe({ kind: "end only" });
  }

  /** Whether one that the receiver asks for may begin now; not while one is owed. */
  mayBeginAsked = (askedAt: number): boolean => this.#owed?.kind !== "everything" && this.#asked.grant(askedAt);

  /** Nothing more is sent, and a pause is over. */
  cancel(): void {
    this.#drop();
    this.#pause.end();
    this.#hasEnded = false;
    this.#strongSinceLeft = undefined;
  }

  /** What is being sent is still sent. Not without one that runs. */
  pause(): void {
    if (this.#owed === undefined || this.#pause.isOn) return;
    this.#pause.begin();
    this.#meter.pause();
    this.#parts.logger.info({ rows: this.progress.rows }, "an operator paused the snapshot");
  }

  resume(): void {
    if (!this.#pause.isOn) return;
    this.#lookAtPaused();
    this.#parts.logger.info({ pausedForMs: this.pausedForMs }, "the snapshot goes on");
    this.#pause.end();
    this.#meter.resume();
    this.#parts.news.raise();
  }

  /** An operator ends it: without an end signal, and what the receiver asked for until now is not asked for again. */
  dismiss(): void {
    if (this.#owed === undefined) return;
    this.#strongSinceLeft = strongSinceOf(this.#owed);
    this.#asked.answer();
    this.#parts.logger.info({ rows: this.progress.rows }, "an operator cancelled the snapshot: it gets no end");
    this.#drop();
    this.#pause.end();
    this.#outcome = "cancelled";
  }

  /** The next batches, undefined when there are none at the moment. */
  next(): WorkItem | undefined {
    if (!this.#pause.isOn) return this.runner.next();
    this.#lookAtPaused();
    return undefined;
  }

  /** Rows that a paused pass has read may not be sent any more. */
  outdate(reason: string): void {
    if (!this.#pause.isOn || this.runner.run === undefined) return;
    this.#parts.logger.info({}, `the paused snapshot will begin anew when it goes on: ${reason}`);
    this.runner.cancel();
  }

  async close(): Promise<void> {
    this.#asked.close();
    this.cancel();
    await this.runner.close();
  }

  take(): SnapshotOrder | undefined {
    if (this.#owed?.kind !== "everything") return undefined;
    this.#meter.begin();
    return this.#owed;
  }

  takeEnding(): Ending | undefined {
    if (this.#owed?.kind !== "end only") return undefined;
    const end = this.#parts.context.builder.end("snapshot");
    return { batch: new EndBatch("snapshot", end, () => undefined), delivered: () => this.#ended() };
  }

  open(order: SnapshotOrder, { signal }: AuditOptions): BulkRows {
    return this.#parts.source.getSnapshotIterator(omitUndefined({ signal, strongSince: strongSinceOf(order) }));
  }

  reading(order: SnapshotOrder): Reading {
    const { pace, context, knowsTombstones } = this.#parts;
    return {
      limits: pace,
      tombstones: knowsTombstones ? context.tombstones : undefined,
      strongRows: strongSinceOf(order) === undefined ? undefined : "lifted",
    };
  }

  frame(_: Run<SnapshotOrder>, { ranges, lifted }: Cut): readonly Batch[] {
    const { context, bus } = this.#parts;
    this.#trouble = undefined;
    return [new BulkBatch("snapshot", ranges, lifted, bus.committedIndex, context)];
  }

  endOf(): "snapshot" {
    return "snapshot";
  }

  ended(): void {
    this.#asked.answer();
    this.#parts.emit({ kind: "snapshot complete", rows: this.progress.rows });
    this.#ended();
  }

  cutShort(): void {
    this.#meter.end();
  }

  failed(_: Run<SnapshotOrder>, error: unknown): Retry {
    this.#trouble = describeError(error);
    return isFustorError(error, "FUSTOR_SOURCE_UNAVAILABLE")
      ? { level: "info", text: `the snapshot waits: ${this.#trouble}` }
      : { level: "warn", text: `the snapshot failed and starts anew: ${this.#trouble}` };
  }

  #lookAtPaused(): void {
    const reason = this.#pause.staleness(this.runner.run?.reader.reading);
    if (reason !== undefined) this.outdate(reason);
  }

  #drop(): void {
    this.#owed = undefined;
    this.#trouble = undefined;
    this.#meter.end();
    this.runner.cancel();
  }

  #owe(order: SnapshotOrder): void {
    this.#drop();
    this.#outcome = "none";
    this.#owed = order;
    this.#parts.news.raise();
  }

  #ended(): void {
    this.#owed = undefined;
    // Its end was on its way when it was paused.
    this.#pause.end();
    this.#outcome = "complete";
    this.#hasEnded = true;
    this.#strongSinceLeft = undefined;
    this.#trouble = undefined;
    this.#meter.end();
    this.#parts.emit({ kind: "snapshot ended" });
  }
}
