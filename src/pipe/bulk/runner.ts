/**
 * Carries out one kind of work in bulk: opens a pass of the source, cuts batches out of it, and ends it.
 *
 *     idle --take--> running --the pass is over, every batch was accepted--> idle, or an end signal first
 *      ^               |
 *      |               | the source failed, or too much was deleted meanwhile
 *      +--- pausing <--+
 *
 * What differs between a snapshot, an audit, a rescan, a restatement and a scan is a {@link BulkJob}. What they share
 * is here:
 *
 *   - An end signal goes out only after the source finished its pass and the receiver accepted every batch.
 *   - Of a run that was cancelled or failed nothing more is sent. A new one opens a pass of its own, after the one
 *     before left the source.
 *   - The first batch of a gated run goes alone: the source reads the rest after the receiver accepted it.
 *   - A run of which the receiver refused a row for its content gets no end signal.
 */
import { backoffDelayMs } from "../backoff.ts";
import type { Batch } from "../send/batch.ts";
import { EndBatch } from "../send/end-batch.ts";
import type { WorkItem } from "../send/work-item.ts";
import type { BulkJob, Ending, Retry, Run } from "./bulk-job.ts";
import type { RunnerParts } from "./bulk-parts.ts";
import type { BulkReader, Cut, Progress } from "./bulk-reader.ts";
import { Passes } from "./passes.ts";
import type { SupersededView } from "./superseded.ts";

type Work<O> =
  | { readonly kind: "idle" }
  | { readonly kind: "running"; readonly run: Run<O>; readonly open: () => void }
  | { readonly kind: "ending"; readonly ending: Ending }
  | { readonly kind: "pausing"; readonly cancelTimer: () => void };

type Running<O> = Extract<Work<O>, { kind: "running" }>;

const IDLE = { kind: "idle" } as const;
const NO_PROGRESS: Progress = { rows: 0 };

export class BulkRunner<O> {
  readonly #job: BulkJob<O>;
  readonly #parts: RunnerParts;
  readonly #superseded: SupersededView;
  readonly #passes: Passes;
  #work: Work<O> = IDLE;
  #failures = 0;
  #lastProgress = NO_PROGRESS;

  constructor(job: BulkJob<O>, parts: RunnerParts) {
    this.#job = job;
    this.#parts = parts;
    this.#superseded = parts.superseded.view();
    this.#passes = new Passes(parts.logger);
  }

  get state(): Work<O>["kind"] {
    return this.#work.kind;
  }

  get run(): Run<O> | undefined {
    return this.#work.kind === "running" ? this.#work.run : undefined;
  }

  /** Of the run that goes on, else of the last one. */
  get progress(): Progress {
    return this.run?.reader.progress() ?? this.#lastProgress;
  }

  /** The next batches, undefined when there are none at the moment. */
  next(): WorkItem | undefined {
    if (this.#work.kind === "idle") this.#begin();
    const work = this.#work;
    if (work.kind === "ending") return this.#endingItem(work);
    return work.kind === "running" ? this.#continue(work) : undefined;
  }

  /** Nothing more is sent. */
  cancel(): void {
    const work = this.#work;
    this.#work = IDLE;
    this.#failures = 0;
    if (work.kind === "pausing") work.cancelTimer();
    if (work.kind === "running") this.#giveUp(work.run);
  }

  /** A pause after a failure ends. */
  wake(): void {
    if (this.#work.kind !== "pausing") return;
    this.#work.cancelTimer();
    this.#work = IDLE;
    this.#parts.news.raise();
  }

  /** The receiver refused a row for its content, of the run or one in whose favour the run leaves its own out. */
  spoil(): void {
    if (this.#work.kind === "running") this.#work.run.isSpoilt = true;
  }

  /** After `cancel`. Resolves when the source is left alone. */
  close(): Promise<void> {
    return this.#passes.settled();
  }

  #begin(): void {
    if (this.#beginEnding()) return;
    const order = this.#job.take();
    if (order !== undefined) this.#work = this.#running(order);
  }

  #beginEnding(): boolean {
    const ending = this.#job.takeEnding?.();
    if (ending !== undefined) this.#work = { kind: "ending", ending };
    return ending !== undefined;
  }

  #running(order: O): Running<O> {
    const gate = this.#job.gate?.(order) ?? "none";
    let open = (): void => undefined;
    const opened = new Promise<void>((resolve) => {
      open = resolve;
    });
    if (gate === "none") open();
    if (gate !== "first batch") this.#superseded.begin();
    const reader = this.#reader(order, opened);
    const run = { order, reader, superseded: this.#superseded, isOpen: gate === "none", isSpoilt: false };
    return { kind: "running", run, open };
  }

  #reader(order: O, opened: Promise<void>): BulkReader {
    const { limits, tombstones, strongRows, keepsSuperseded } = this.#job.reading(order);
    return this.#passes.open({
      open: ({ signal }) => this.#job.open(order, { signal, opened }),
      limits,
      superseded: keepsSuperseded === true ? undefined : this.#superseded,
      tombstones,
      strongRows,
      onProgress: () => this.#parts.news.raise(),
    });
  }

  #continue(work: Running<O>): WorkItem | undefined {
    const { run } = work;
    const { reader } = run;
    if (run.superseded.isOverrun) return this.#fail(run, new Error("too many directories were deleted meanwhile"));
    if (reader.reading.kind === "failed") return this.#fail(run, reader.reading.error);
    for (let cut = reader.cut(); cut !== undefined; cut = reader.cut()) {
      const batches = this.#job.frame(run, cut);
      if (batches.length > 0) return this.#rowsItem(work, cut, batches);
      cut.settle();
      if (!run.isOpen) return this.#fail(run, new Error("its first directory was deleted meanwhile"));
    }
    return reader.reading.kind === "done" ? this.#finish(work) : undefined;
  }

  #rowsItem(work: Running<O>, cut: Cut, batches: readonly Batch[]): WorkItem {
    const delivered = (): void => {
      cut.settle();
      if (!work.run.isOpen && this.#work === work) this.#open(work);
    };
    return { batches, isCancelled: () => this.#work !== work, delivered, abandoned: cut.settle };
  }

  #open(work: Running<O>): void {
    work.run.isOpen = true;
    // Everything that is read from now on is newer than what was sent before.
    this.#superseded.begin();
    work.open();
  }

  /** Everything was accepted. */
  #finish(work: Running<O>): WorkItem | undefined {
    const { run } = work;
    if (run.isSpoilt) {
      this.#work = IDLE;
      this.#giveUp(run);
      this.#job.refused?.(run);
      return undefined;
    }
    const phase = this.#job.endOf(run);
    if (phase !== undefined) return this.#endItem(work, phase);
    this.#over(run);
    return this.#takeUpEnding();
  }

  #endItem(work: Running<O>, phase: "snapshot" | "audit"): WorkItem {
    const accepted = (): void => {
      this.#job.endAccepted?.(work.run);
      // Otherwise it was cancelled while the answer was on its way: what comes next is not its affair.
      if (this.#work === work) this.#over(work.run);
    };
    return this.#item(work, new EndBatch(phase, this.#parts.context.builder.end(phase), accepted), () => undefined);
  }

  #endingItem(work: Extract<Work<O>, { kind: "ending" }>): WorkItem {
    const { batch, delivered } = work.ending;
    return this.#item(work, batch, () => {
      if (this.#work !== work) return;
      this.#work = IDLE;
      delivered?.();
      this.#parts.news.raise();
    });
  }

  #item(work: Work<O>, batch: Batch, delivered: () => void): WorkItem {
    return { batches: [batch], isCancelled: () => this.#work !== work, delivered, abandoned: () => undefined };
  }

  #over(run: Run<O>): void {
    this.#work = IDLE;
    this.#failures = 0;
    this.#drop(run);
    this.#job.ended(run);
    this.#parts.news.raise();
  }

  #fail(run: Run<O>, error: unknown): WorkItem | undefined {
    const failures = ++this.#failures;
    this.#work = IDLE;
    this.#giveUp(run);
    const retry = this.#job.failed(run, error, failures);
    if (retry === undefined) this.#failures = 0;
    else this.#pause(retry, failures);
    return this.#takeUpEnding();
  }

  /** What a run that is over leaves to be sent goes at once. */
  #takeUpEnding(): WorkItem | undefined {
    return this.#work.kind === "idle" && this.#beginEnding() ? this.next() : undefined;
  }

  #pause({ level, text }: Retry, failures: number): void {
    const { ambience, backoff, logger } = this.#parts;
    const delayMs = backoffDelayMs(backoff, failures, ambience.random());
    logger[level]({ failures, delayMs: Math.round(delayMs) }, text);
    this.#work = { kind: "pausing", cancelTimer: ambience.setTimer(delayMs, () => this.wake()) };
  }

  #giveUp(run: Run<O>): void {
    this.#drop(run);
    this.#job.cutShort?.(run);
  }

  #drop({ reader }: Run<O>): void {
    this.#lastProgress = reader.progress();
    this.#superseded.end();
    this.#passes.drop(reader);
  }
}
