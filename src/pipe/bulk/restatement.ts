/**
 * What a follower tells once when it follows a run of its own that crashed.
 *
 * The dead run may have sent an old reading of a path, or its delete, after the leader had sent a newer one, and died before its own newer
 * one. The leader knows nothing of that. So whatever changed around the crash is told again by live rows in the reviving form. A leader
 * needs none: its snapshot does the same.
 */
import { Signal } from "../../bus/signal.ts";
import { type Change, describeError, type Logger, type Row, type SourceDriver } from "../../sdk/index.ts";
import { type BackoffSettings, backoffDelayMs } from "../backoff.ts";
import type { Ambience } from "../pipe-options.ts";
import { StaleAfterTakeover } from "../receiver/stale-rows.ts";
import type { Batch, BatchContext } from "../send/batch.ts";
import { liveBatches } from "../send/live.ts";
import type { BatchSize, WorkItem } from "../send/work-item.ts";
import { BulkReader, type Cut } from "./bulk-reader.ts";
import type { SupersededView } from "./superseded.ts";

export interface RestatementParts {
  readonly source: SourceDriver;
  readonly limits: BatchSize;
  readonly context: BatchContext;
  /** Overtaken by a live change. */
  readonly touched: SupersededView;
  readonly index: () => number;
  readonly ambience: Ambience;
  readonly backoff: BackoffSettings;
  readonly logger: Logger;
  /** Everything was accepted. */
  readonly onEnded: () => void;
}

type Work =
  | { readonly kind: "none" }
  | { readonly kind: "running"; readonly pass: BulkReader; readonly since: number }
  /** The last pass failed; a new one follows. */
  | { readonly kind: "pausing"; readonly cancelTimer: () => void };

export class RestatementActivity {
  readonly #parts: RestatementParts;
  readonly #news = new Signal();
  #dropped: Promise<void> = Promise.resolve();
  #work: Work = { kind: "none" };
  #failures = 0;
  #rows = 0;

  constructor(parts: RestatementParts) {
    this.#parts = parts;
  }

  get isBusy(): boolean {
    return this.#work.kind !== "none";
  }

  /** `since`: epoch second of the change time. */
  begin(since: number): void {
    this.cancel();
    this.#failures = 0;
    this.#beginPass(since);
  }

  /** Nothing more is sent. */
  cancel(): void {
    const work = this.#work;
    this.#work = { kind: "none" };
    if (work.kind === "pausing") work.cancelTimer();
    if (work.kind === "running") this.#drop(work.pass);
  }

  /** Resolves when the source is left alone. */
  async close(): Promise<void> {
    this.cancel();
    await this.#dropped;
  }

  /** Resolves when `next` may have something or the signal aborts. */
  readable(signal: AbortSignal): Promise<void> {
    return this.#news.wait(signal);
  }

  next(): WorkItem | undefined {
    const work = this.#work;
    if (work.kind !== "running") return undefined;
    const { pass } = work;
    if (pass.reading.kind === "failed") return this.#pause(work.since, pass, pass.reading.error);
    if (this.#parts.touched.isOverrun)
      return this.#pause(work.since, pass, new Error("too many directories were deleted"));
    for (let cut = pass.cut(); cut !== undefined; cut = pass.cut()) {
      if (cut.revived.length > 0) return this.#item(pass, cut);
      cut.settle();
    }
    if (pass.reading.kind === "done") this.#ended(pass);
    return undefined;
  }

  #beginPass(since: number): void {
    const { source, limits, touched } = this.#parts;
    touched.begin();
    this.#rows = 0;
    const pass = new BulkReader(
      {
        open: (options) => source.getSnapshotIterator(options),
        limits,
        touched,
        revival: undefined,
        doubts: new StaleAfterTakeover(since),
        onProgress: () => this.#news.raise(),
      },
      this.#dropped,
    );
    this.#work = { kind: "running", pass, since };
    this.#news.raise();
  }

  #item(pass: BulkReader, cut: Cut): WorkItem {
    const isCancelled = (): boolean => this.#work.kind !== "running" || this.#work.pass !== pass;
    this.#rows += cut.revived.length;
    return { batches: this.#batches(cut.revived), isCancelled, delivered: cut.settle, abandoned: cut.settle };
  }

  #batches(rows: readonly Row[]): Batch[] {
    const { limits, context, index } = this.#parts;
    const items = rows.map((row) => {
      const isContainer = row.is_directory === true;
      // The sequence only says which rows in bulk a change supersedes: none, they are all of this state.
      const change: Change = { op: "update", key: String(row.path), row, sequence: 0, isContainer };
      return { change, index: index(), revive: true };
    });
    return liveBatches(items, limits, context);
  }

  #ended(pass: BulkReader): void {
    this.#work = { kind: "none" };
    this.#parts.logger.info({ rows: this.#rows }, "what changed around the end of the run before was told again");
    this.#drop(pass);
    this.#parts.onEnded();
  }

  #pause(since: number, pass: BulkReader, error: unknown): undefined {
    const { ambience, backoff, logger } = this.#parts;
    this.#drop(pass);
    this.#failures++;
    const delayMs = backoffDelayMs(backoff, this.#failures, ambience.random());
    logger.info(
      { failures: this.#failures, delayMs: Math.round(delayMs) },
      `what changed around the end of the run before is told later: ${describeError(error)}`,
    );
    this.#work = { kind: "pausing", cancelTimer: ambience.setTimer(delayMs, () => this.#beginPass(since)) };
  }

  #drop(pass: BulkReader): void {
    this.#parts.touched.end();
    const dropped = pass.drop().catch((error: unknown) => {
      this.#parts.logger.error({}, `the source did not take its buffers back: ${describeError(error)}`);
    });
    this.#dropped = Promise.all([this.#dropped, dropped]).then(() => undefined);
  }
}
