/**
 * Scans that the far side asks for with its heartbeats: the rows at a path as `on_demand_job` batches, then one `job_complete`, whatever
 * became of it. One scan at a time, the others wait in a short queue; leaders and followers alike. The session's end ends them all.
 */
import { Signal } from "../../bus/signal.ts";
import {
  type BulkRows,
  type CallOptions,
  type Command,
  describeError,
  excerpt,
  type Logger,
  type SourceDriver,
} from "../../sdk/index.ts";
import type { EnvelopeBuilder } from "../encode/envelope-builder.ts";
import type { ScanCounters } from "../pipe-counters.ts";
import { type BatchContext, BulkBatch, CompletionBatch } from "../send/batch.ts";
import type { BatchSize, WorkItem } from "../send/work-item.ts";
import { BulkReader } from "./bulk-reader.ts";
import type { SupersededView } from "./superseded.ts";

/** Waiting beside the one that runs; further ones are refused. */
const MAX_WAITING = 16;
/** Refused ones whose completion is still to be sent; beyond that they are only logged. */
const MAX_REFUSED = 64;

interface Job {
  readonly path: string;
  readonly recursive: boolean;
  readonly id: unknown;
}

export interface ScanParts {
  readonly source: SourceDriver;
  readonly limits: BatchSize;
  readonly context: BatchContext;
  readonly touched: SupersededView;
  readonly builder: EnvelopeBuilder;
  readonly revives: boolean;
  readonly logger: Logger;
  readonly counters: ScanCounters;
  readonly index: () => number;
}

type Work =
  | { readonly kind: "none" }
  | { readonly kind: "scanning"; readonly job: Job; readonly pass: BulkReader }
  | { readonly kind: "completing"; readonly job: Job; readonly error: string | undefined };

export class ScanActivity {
  readonly #parts: ScanParts;
  readonly #news = new Signal();
  readonly #waiting: Job[] = [];
  readonly #refused: { readonly job: Job; readonly error: string }[] = [];
  #dropped: Promise<void> = Promise.resolve();
  #work: Work = { kind: "none" };
  #closed = false;

  constructor(parts: ScanParts) {
    this.#parts = parts;
  }

  /** The `scan` commands of one heartbeat. However many of them are refused, they cost one line in the log. */
  add(commands: readonly Command[]): void {
    if (this.#closed || commands.length === 0) return;
    let pathless = 0;
    const refused: Job[] = [];
    for (const { path, recursive, job_id: id } of commands) {
      if (typeof path !== "string" || path === "") pathless++;
      else if (this.#waiting.length < MAX_WAITING) this.#waiting.push({ path, recursive: recursive !== false, id });
      else refused.push({ path, recursive: recursive !== false, id });
    }
    this.#refuse(refused);
    if (pathless > 0) this.#parts.logger.warn({ count: pathless }, "the far side asks for scans without a path");
    this.#news.raise();
  }

  #refuse(jobs: readonly Job[]): void {
    const [first] = jobs;
    if (first === undefined) return;
    const { logger, counters } = this.#parts;
    counters.refused += jobs.length;
    logger.warn({ count: jobs.length, path: excerpt(first.path) }, "scans are refused: too many wait already");
    const room = Math.max(0, MAX_REFUSED - this.#refused.length);
    for (const job of jobs.slice(0, room)) this.#refused.push({ job, error: "too many scans are waiting" });
  }

  readable(signal: AbortSignal): Promise<void> {
    return this.#news.wait(signal);
  }

  /** Nothing more is sent, and no scan is taken any more. */
  cancel(): void {
    this.#closed = true;
    this.#waiting.length = 0;
    this.#refused.length = 0;
    const work = this.#work;
    this.#work = { kind: "none" };
    if (work.kind === "scanning") this.#drop(work.pass);
  }

  /** Resolves when the source is left alone. */
  async close(): Promise<void> {
    this.cancel();
    await this.#dropped;
  }

  next(): WorkItem | undefined {
    if (this.#work.kind === "none") this.#begin();
    const work = this.#work;
    if (work.kind === "none") return undefined;
    if (work.kind === "completing") return this.#completion(work);
    const { job, pass } = work;
    if (this.#parts.touched.isOverrun) return this.#finish(job, pass, "too many directories were deleted meanwhile");
    const cut = pass.reading.kind === "failed" ? undefined : pass.cut();
    if (cut !== undefined) {
      const { context, index } = this.#parts;
      return {
        batches: [new BulkBatch("on_demand_job", cut.ranges, cut.revived, index(), context)],
        isCancelled: () => this.#work !== work,
        delivered: cut.settle,
        abandoned: cut.settle,
      };
    }
    if (pass.reading.kind === "reading") return undefined;
    return this.#finish(job, pass, pass.reading.kind === "failed" ? describeError(pass.reading.error) : undefined);
  }

  #begin(): void {
    const refused = this.#refused.shift();
    if (refused !== undefined) {
      this.#work = { kind: "completing", ...refused };
      return;
    }
    const job = this.#waiting.shift();
    if (job === undefined) return;
    const { source, limits, context, touched, revives } = this.#parts;
    const open = (options: CallOptions): BulkRows => {
      if (source.scan === undefined) throw new Error("the source knows no scans");
      return source.scan(job.path, job.recursive, options);
    };
    touched.begin();
    const revival = revives ? context.revival : undefined;
    const onProgress = (): void => this.#news.raise();
    const pass = new BulkReader({ open, limits, touched, revival, onProgress }, this.#dropped);
    this.#work = { kind: "scanning", job, pass };
  }

  #finish(job: Job, pass: BulkReader, error: string | undefined): WorkItem | undefined {
    const { logger, counters } = this.#parts;
    const { rows } = pass.progress();
    this.#drop(pass);
    if (error === undefined) counters.done++;
    else counters.failed++;
    const facts = { path: excerpt(job.path), rows };
    if (error === undefined) logger.info(facts, "a scan that the far side asked for is complete");
    else logger.warn(facts, `a scan that the far side asked for failed: ${error}`);
    this.#work = { kind: "completing", job, error };
    return this.#completion(this.#work);
  }

  #completion(work: Extract<Work, { kind: "completing" }>): WorkItem {
    const { job, error } = work;
    const metadata = {
      scan_path: job.path,
      ...(job.id === undefined ? {} : { job_id: job.id }),
      ...(error === undefined ? {} : { error }),
    };
    const over = (): void => {
      if (this.#work === work) this.#work = { kind: "none" };
      this.#news.raise();
    };
    return {
      batches: [new CompletionBatch(this.#parts.builder.jobComplete(metadata), job.path)],
      isCancelled: () => this.#work !== work,
      delivered: over,
      abandoned: () => undefined,
    };
  }

  #drop(pass: BulkReader): void {
    this.#parts.touched.end();
    const dropped = pass.drop().catch((error: unknown) => {
      this.#parts.logger.error({}, `the source did not take its buffers back: ${describeError(error)}`);
    });
    this.#dropped = Promise.all([this.#dropped, dropped]).then(() => undefined);
  }
}
