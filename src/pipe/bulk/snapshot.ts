/**
 * The snapshot of a session's leader: one pass over everything, then one end signal; or, when the receiver holds the
 * history already, the end signal alone.
 *
 * A source that fails in the middle means a new pass after a pause, never an end. Losing the leadership drops the pass:
 * nothing more is sent, the next promotion starts anew.
 */
import { type AuditOptions, type BulkRows, describeError, isFustorError, omitUndefined } from "../../sdk/index.ts";
import type { PipeStore } from "../../sdk/state-store.ts";
import type { SnapshotState } from "../pipe-status.ts";
import type { Batch } from "../send/batch.ts";
import { BulkBatch } from "../send/bulk-batch.ts";
import { EndBatch } from "../send/end-batch.ts";
import type { BulkJob, Ending, Reading, Retry, Run } from "./bulk-job.ts";
import type { BulkParts } from "./bulk-parts.ts";
import type { Cut, Progress } from "./bulk-reader.ts";
import { BulkRunner } from "./runner.ts";
import { SnapshotMeter, type SnapshotPace } from "./snapshot-meter.ts";

/** `strongSince`: epoch second; rows of what was changed since are sent in the lifting form. */
type SnapshotOrder =
  | { readonly kind: "everything"; readonly strongSince: number | undefined }
  /** The receiver holds the history: only the end is owed. */
  | { readonly kind: "end only" };

const strongSinceOf = (order: SnapshotOrder | undefined): number | undefined =>
  order?.kind === "everything" ? order.strongSince : undefined;

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
  /** What is owed, from `begin` to the accepted end. */
  #owed: SnapshotOrder | undefined;
  #complete = false;
  #trouble: string | undefined;
  #endedAt = Number.NEGATIVE_INFINITY;
  #askedBegunAt = Number.NEGATIVE_INFINITY;
  #cancelAsked: (() => void) | undefined;

  constructor(parts: SnapshotParts) {
    this.#parts = parts;
    this.runner = new BulkRunner(this, parts);
    this.#meter = new SnapshotMeter(parts.ambience, parts.logger, () => {
      const { rows, expectedRows = parts.store.lastSnapshotRows?.() } = this.progress;
      return expectedRows === undefined ? { rows } : { rows, expectedRows };
    });
  }

  get state(): SnapshotState {
    return this.#owed !== undefined ? "running" : this.#complete ? "complete" : "none";
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
   * lifted.
   */
  begin(strongSince?: number): void {
    this.#owe({ kind: "everything", strongSince: strongSince ?? strongSinceOf(this.#owed) });
  }

  /** Owes the end signal alone. */
  beginEnd(): void {
    this.#owe({ kind: "end only" });
  }

  /**
   * Whether one that the receiver asks for may begin now. Not while one runs, nor when the question is older than the
   * last end; one that comes too soon after the last asked one is put off, and asked for again when its time has come.
   */
  mayBeginAsked(askedAt: number): boolean {
    if (this.#owed?.kind === "everything" || askedAt < this.#endedAt) return false;
    const { ambience, betweenAskedMs, emit } = this.#parts;
    const waitMs = this.#askedBegunAt + betweenAskedMs - ambience.now();
    if (waitMs <= 0) {
      this.#askedBegunAt = ambience.now();
      return true;
    }
    this.#cancelAsked ??= ambience.setTimer(waitMs, () => {
      this.#cancelAsked = undefined;
      emit({ kind: "snapshot wanted", askedAt });
    });
    return false;
  }

  /** Nothing more is sent. */
  cancel(): void {
    this.#owed = undefined;
    this.#trouble = undefined;
    this.#meter.end();
    this.runner.cancel();
  }

  async close(): Promise<void> {
    this.#cancelAsked?.();
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
    this.#endedAt = this.#parts.ambience.now();
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

  #owe(order: SnapshotOrder): void {
    this.cancel();
    this.#complete = false;
    this.#owed = order;
    this.#parts.news.raise();
  }

  #ended(): void {
    this.#owed = undefined;
    this.#complete = true;
    this.#trouble = undefined;
    this.#meter.end();
    this.#parts.emit({ kind: "snapshot ended" });
  }
}
