/**
 * The snapshot of a session's leader: one pass over everything, then one end signal; or, when the far side holds the history
 * already, the end signal alone.
 *
 * The end goes out only after the source finished the pass and every batch was accepted. A source that fails in the middle means
 * a new pass after a pause, never an end. Losing the leadership drops the pass: nothing more is sent, the next promotion
 * starts anew.
 */
import { Signal } from "../../bus/signal.ts";
import {
  type BulkRows,
  type CallOptions,
  describeError,
  isFustorError,
  type Logger,
  type SourceDriver,
} from "../../sdk/index.ts";
import { type BackoffSettings, backoffDelayMs } from "../backoff.ts";
import type { EnvelopeBuilder } from "../encode/envelope-builder.ts";
import type { Ambience } from "../pipe-options.ts";
import type { SnapshotState } from "../pipe-status.ts";
import { StaleAfterTakeover } from "../receiver/stale-rows.ts";
import { type BatchContext, BulkBatch, EndBatch } from "../send/batch.ts";
import type { BatchSize, WorkItem } from "../send/work-item.ts";
import { BulkReader } from "./bulk-reader.ts";
import { SnapshotMeter, type SnapshotPace } from "./snapshot-meter.ts";
import type { SupersededView } from "./superseded.ts";

export interface SnapshotParts {
  readonly source: SourceDriver;
  readonly limits: BatchSize;
  readonly context: BatchContext;
  readonly touched: SupersededView;
  readonly builder: EnvelopeBuilder;
  readonly revives: boolean;
  readonly ambience: Ambience;
  readonly backoff: BackoffSettings;
  readonly logger: Logger;
  /** Index for snapshot events: the newest that does not overtake a live change still to come. */
  readonly index: () => number;
  /** The shortest time between the beginnings of two that the far side asks for. */
  readonly betweenAskedMs: number;
  /** Rows of the last whole snapshot, when anybody remembers. */
  readonly lastTotal: () => number | undefined;
  /** A full pass was ended and the end accepted. */
  readonly onComplete: () => void;
  /** An end was accepted, of a full pass or of none; after `onComplete`. */
  readonly onEnded: () => void;
}

type Work =
  | { readonly kind: "none" }
  /** The history is known at the far side: only the end is owed. */
  | { readonly kind: "end_only" }
  | { readonly kind: "pass"; readonly pass: BulkReader }
  /** The last pass failed; a new one follows. */
  | { readonly kind: "pausing"; readonly cancelTimer: () => void };

export class SnapshotActivity {
  readonly #parts: SnapshotParts;
  readonly #news = new Signal();
  readonly #meter: SnapshotMeter;
  /** Ends of passes that were dropped; a new one reads after them. */
  #dropped: Promise<void> = Promise.resolve();
  #work: Work = { kind: "none" };
  #complete = false;
  #failures = 0;
  #reviveFrom: number | undefined;
  #trouble: string | undefined;
  #lastProgress: { readonly rows: number; readonly expectedRows?: number } = { rows: 0 };
  #endedAt = Number.NEGATIVE_INFINITY;
  #askedBegunAt = Number.NEGATIVE_INFINITY;
  #cancelAsked: (() => void) | undefined;

  constructor(parts: SnapshotParts) {
    this.#parts = parts;
    this.#meter = new SnapshotMeter(parts.ambience, parts.logger, () => {
      const { rows, expectedRows = parts.lastTotal() } = this.progress;
      return expectedRows === undefined ? { rows } : { rows, expectedRows };
    });
  }

  get state(): SnapshotState {
    return this.#work.kind !== "none" ? "running" : this.#complete ? "complete" : "none";
  }

  /** Why no rows come at the moment, undefined when nothing is wrong. */
  get trouble(): string | undefined {
    return this.#trouble;
  }

  get progress(): { readonly rows: number; readonly expectedRows?: number } {
    return this.#work.kind === "pass" ? this.#work.pass.progress() : this.#lastProgress;
  }

  /** How fast it goes, undefined when none runs. */
  get pace(): SnapshotPace | undefined {
    return this.#meter.pace;
  }

  /**
   * Begins what a leader owes; whatever runs is dropped, but what it was to revive stays to be revived. `reviveFrom`: epoch second, see
   * {@link StaleAfterTakeover}.
   */
  begin(full: boolean, reviveFrom?: number): void {
    const runs = this.#work.kind === "pass" || this.#work.kind === "pausing";
    this.#reviveFrom = reviveFrom ?? (runs ? this.#reviveFrom : undefined);
    this.cancel();
    this.#complete = false;
    this.#failures = 0;
    if (full) this.#beginPass();
    else this.#work = { kind: "end_only" };
    this.#news.raise();
  }

  /**
   * Whether one that the far side asks for may begin now. Not while one runs, nor when the question is older than the last end; one that
   * comes too soon after the last asked one is put off, and `again` is called when its time has come.
   */
  mayBeginAsked(askedAt: number, again: () => void): boolean {
    if (this.#work.kind === "pass" || this.#work.kind === "pausing" || askedAt < this.#endedAt) return false;
    const { ambience, betweenAskedMs } = this.#parts;
    const waitMs = this.#askedBegunAt + betweenAskedMs - ambience.now();
    if (waitMs <= 0) {
      this.#askedBegunAt = ambience.now();
      return true;
    }
    this.#cancelAsked ??= ambience.setTimer(waitMs, () => {
      this.#cancelAsked = undefined;
      again();
    });
    return false;
  }

  /** Nothing more is sent. */
  cancel(): void {
    const work = this.#work;
    this.#work = { kind: "none" };
    this.#trouble = undefined;
    this.#meter.end();
    this.#parts.touched.end();
    if (work.kind === "pausing") work.cancelTimer();
    if (work.kind !== "pass") return;
    this.#lastProgress = work.pass.progress();
    this.#drop(work.pass);
  }

  /** Resolves when the source is left alone. */
  async close(): Promise<void> {
    this.#cancelAsked?.();
    this.cancel();
    await this.#dropped;
  }

  /** A pause after a failure is cut short: the source came back. */
  wake(): void {
    if (this.#work.kind !== "pausing") return;
    this.#work.cancelTimer();
    this.#beginPass();
  }

  /** Resolves when `next` may have something or the signal aborts. */
  readable(signal: AbortSignal): Promise<void> {
    return this.#news.wait(signal);
  }

  next(): WorkItem | undefined {
    const work = this.#work;
    if (work.kind === "end_only") return this.#endItem(work);
    if (work.kind !== "pass") return undefined;
    if (this.#parts.touched.isOverrun) {
      this.#parts.logger.warn({}, "too many directories were deleted during the snapshot: it starts anew");
      this.begin(true);
      return undefined;
    }
    const { pass } = work;
    if (pass.reading.kind === "failed") {
      this.#pause(pass, pass.reading.error);
      return undefined;
    }
    return this.#rowsItem(work, pass) ?? (pass.reading.kind === "done" ? this.#endItem(work) : undefined);
  }

  #beginPass(): void {
    const { source, limits, context, touched, revives } = this.#parts;
    const open = (options: CallOptions): BulkRows => source.getSnapshotIterator(options);
    touched.begin();
    this.#meter.begin();
    const revival = revives ? context.revival : undefined;
    const onProgress = (): void => this.#news.raise();
    this.#work = {
      kind: "pass",
      pass: new BulkReader({ open, limits, touched, revival, doubts: this.#doubts(), onProgress }, this.#dropped),
    };
  }

  #doubts(): StaleAfterTakeover | undefined {
    return this.#reviveFrom === undefined ? undefined : new StaleAfterTakeover(this.#reviveFrom);
  }

  #drop(pass: BulkReader): void {
    const dropped = pass.drop().catch((error: unknown) => {
      this.#parts.logger.error({}, `the source did not take its buffers back: ${describeError(error)}`);
    });
    this.#dropped = Promise.all([this.#dropped, dropped]).then(() => undefined);
  }

  #pause(pass: BulkReader, error: unknown): void {
    const { ambience, backoff, logger } = this.#parts;
    this.#lastProgress = pass.progress();
    this.#meter.end();
    this.#drop(pass);
    this.#failures++;
    this.#trouble = describeError(error);
    const delayMs = backoffDelayMs(backoff, this.#failures, ambience.random());
    const facts = { failures: this.#failures, delayMs: Math.round(delayMs) };
    if (isFustorError(error, "FUSTOR_SOURCE_UNAVAILABLE")) logger.info(facts, `the snapshot waits: ${this.#trouble}`);
    else logger.warn(facts, `the snapshot failed and starts anew: ${this.#trouble}`);
    this.#work = { kind: "pausing", cancelTimer: ambience.setTimer(delayMs, () => this.wake()) };
  }

  #rowsItem(work: Work, pass: BulkReader): WorkItem | undefined {
    const cut = pass.cut();
    if (cut === undefined) return undefined;
    this.#trouble = undefined;
    const { context, index } = this.#parts;
    return {
      batches: [new BulkBatch("snapshot", cut.ranges, cut.revived, index(), context)],
      isCancelled: () => this.#work !== work,
      delivered: cut.settle,
      abandoned: cut.settle,
    };
  }

  #endItem(work: Work): WorkItem {
    const batch = new EndBatch("snapshot", this.#parts.builder.end("snapshot"), () => this.#ended(work));
    return {
      batches: [batch],
      isCancelled: () => this.#work !== work,
      delivered: () => undefined,
      abandoned: () => undefined,
    };
  }

  #ended(work: Work): void {
    // A demotion while the answer was on its way: the end is not ours any more.
    if (this.#work !== work) return;
    this.#work = { kind: "none" };
    this.#complete = true;
    this.#trouble = undefined;
    this.#meter.end();
    if (work.kind === "pass") {
      this.#lastProgress = work.pass.progress();
      this.#drop(work.pass);
      this.#parts.touched.end();
      this.#endedAt = this.#parts.ambience.now();
      this.#parts.onComplete();
    }
    this.#parts.onEnded();
  }
}
