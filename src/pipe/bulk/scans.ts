/**
 * Scans that the receiver asks for with its heartbeats: the rows at a path as `on_demand_job` batches, then one
 * `job_complete`, whatever became of it. One scan at a time, the others wait in a short queue; leaders and followers
 * alike. The session's end ends them all.
 */
import { type AuditOptions, type BulkRows, type Command, describeError, excerpt } from "../../sdk/index.ts";
import type { ScanCounters } from "../pipe-counters.ts";
import type { Batch } from "../send/batch.ts";
import { BulkBatch } from "../send/bulk-batch.ts";
import { CompletionBatch } from "../send/end-batch.ts";
import type { BulkJob, Ending, Reading, Run } from "./bulk-job.ts";
import type { BulkParts } from "./bulk-parts.ts";
import type { Cut } from "./bulk-reader.ts";
import { BulkRunner } from "./runner.ts";

/** Waiting beside the one that runs; further ones are refused. */
const MAX_WAITING = 16;
/** Completions of refused ones that are still to be sent; beyond that they are only logged. */
const MAX_COMPLETIONS = 64;

interface ScanOrder {
  readonly path: string;
  readonly recursive: boolean;
  readonly id: unknown;
}

interface Completion {
  readonly order: ScanOrder;
  readonly error: string | undefined;
}

export interface ScanParts extends BulkParts {
  readonly counters: ScanCounters;
}

export class ScanJob implements BulkJob<ScanOrder> {
  readonly runner: BulkRunner<ScanOrder>;
  readonly #parts: ScanParts;
  readonly #waiting: ScanOrder[] = [];
  readonly #completions: Completion[] = [];
  #closed = false;

  constructor(parts: ScanParts) {
    this.#parts = parts;
    this.runner = new BulkRunner(this, parts);
  }

  /** The `scan` commands of one heartbeat. However many of them are refused, they cost one line in the log. */
  add(commands: readonly Command[]): void {
    if (this.#closed || commands.length === 0) return;
    let pathless = 0;
    const refused: ScanOrder[] = [];
    for (const { path, recursive, job_id: id } of commands) {
      if (typeof path !== "string" || path === "") pathless++;
      else
        (this.#waiting.length < MAX_WAITING ? this.#waiting : refused).push({
          path,
          recursive: recursive !== false,
          id,
        });
    }
    this.#refuse(refused);
    if (pathless > 0) this.#parts.logger.warn({ count: pathless }, "Fusion asks for scans without a path");
    this.#parts.news.raise();
  }

  /** Nothing more is sent, and no scan is taken any more. */
  cancel(): void {
    this.#closed = true;
    this.#waiting.length = 0;
    this.#completions.length = 0;
    this.runner.cancel();
  }

  async close(): Promise<void> {
    this.cancel();
    await this.runner.close();
  }

  take(): ScanOrder | undefined {
    return this.#waiting.shift();
  }

  takeEnding(): Ending | undefined {
    const completion = this.#completions.shift();
    if (completion === undefined) return undefined;
    const { order, error } = completion;
    const metadata = {
      scan_path: order.path,
      ...(order.id === undefined ? {} : { job_id: order.id }),
      ...(error === undefined ? {} : { error }),
    };
    return { batch: new CompletionBatch(this.#parts.context.builder.jobComplete(metadata), order.path) };
  }

  open({ path, recursive }: ScanOrder, { signal }: AuditOptions): BulkRows {
    const { source } = this.#parts;
    if (source.scan === undefined) throw new Error("the source knows no scans");
    return source.scan(path, recursive, { signal });
  }

  reading(): Reading {
    const { limits, context, knowsTombstones } = this.#parts;
    return { limits, tombstones: knowsTombstones ? context.tombstones : undefined };
  }

  frame(_: Run<ScanOrder>, { ranges, lifted }: Cut): readonly Batch[] {
    const { context, bus } = this.#parts;
    return [new BulkBatch("on_demand_job", ranges, lifted, bus.committedIndex, context)];
  }

  endOf(): undefined {
    return undefined;
  }

  ended(run: Run<ScanOrder>): void {
    this.#parts.counters.done++;
    this.#parts.logger.info(this.#facts(run), "a scan that Fusion asked for is complete");
    this.#completions.unshift({ order: run.order, error: undefined });
  }

  failed(run: Run<ScanOrder>, failure: unknown): undefined {
    const error = describeError(failure);
    this.#parts.counters.failed++;
    this.#parts.logger.warn(this.#facts(run), `a scan that Fusion asked for failed: ${error}`);
    this.#completions.unshift({ order: run.order, error });
  }

  #facts({ order, reader }: Run<ScanOrder>): { readonly path: string; readonly rows: number } {
    return { path: excerpt(order.path), rows: reader.progress().rows };
  }

  #refuse(orders: readonly ScanOrder[]): void {
    const [first] = orders;
    if (first === undefined) return;
    const { logger, counters } = this.#parts;
    counters.refused += orders.length;
    logger.warn({ count: orders.length, path: excerpt(first.path) }, "scans are refused: too many wait already");
    const room = Math.max(0, MAX_COMPLETIONS - this.#completions.length);
    const error = "too many scans are waiting";
    for (const order of orders.slice(0, room)) this.#completions.push({ order, error });
  }
}
