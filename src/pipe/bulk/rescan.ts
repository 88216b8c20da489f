/**
 * A rescan: directories whose changes were too many to be kept are told again, instead of a snapshot of everything.
 *
 * Each directory's row goes out as a row of an audit and, as those of its children, as a live row: only live rows win
 * over whatever Fusion holds, lower modification times and lift tombstones. The end of the audit then makes it
 * remove the children of these directories that were not told, which is all that is left to do: the deletes of
 * directories were sent before (see CoalescedBacklog).
 *
 *   - One such audit at a time, be it a full one or this: an end answers for everything that the receiver has seen
 *     since the last one. After a full audit that got no end, a rescan sends live rows only and leaves the removing to
 *     the next full one. So does a follower.
 *   - The first row goes alone, and everything else is read after it was accepted: see audits.
 *   - A superseded row is left out. A directory's audit row is left out only after a delete:
 *     otherwise the receiver would not look for what is missing in it.
 *   - The end goes out only after every row was accepted. A rescan that is cut short ends nothing: its directories wait
 *     for the next one, also across sessions. One that cannot be carried out (again and again, or because a row is
 *     refused) is given up for a snapshot.
 */

import type { DirtyDirectories } from "../../bus/dirty-directories.ts";
import {
  type AuditOptions,
  type BulkRows,
  type Change,
  describeError,
  type Role,
  type Row,
  type RowChunk,
} from "../../sdk/index.ts";
import { parseRange, type RowRange } from "../encode/row-ranges.ts";
import type { RescanCounters } from "../pipe-counters.ts";
import type { Batch } from "../send/batch.ts";
import { BulkBatch } from "../send/bulk-batch.ts";
import { liveBatches, planItems } from "../send/live.ts";
import type { WorkItem } from "../send/work-item.ts";
import type { BulkJob, Reading, Retry, Run } from "./bulk-job.ts";
import type { BulkParts } from "./bulk-parts.ts";
import type { Cut } from "./bulk-reader.ts";
import type { OpenAudit } from "./open-audit.ts";
import { BulkRunner } from "./runner.ts";

const MOST_FAILURES = 3;
const LOST = "too many changes were waiting: their directories are told again";
/** A file that was modified since may have a writer still. */
const SETTLED_SECONDS = 2;

export interface RescanParts extends BulkParts {
  /** What is to be told; outlives the session. */
  readonly dirty: DirtyDirectories;
  readonly counters: RescanCounters;
  readonly openAudit: OpenAudit;
}

interface RescanOrder {
  readonly directories: ReadonlySet<string>;
  /** It is an audit, too. */
  readonly audits: boolean;
}

export class RescanJob implements BulkJob<RescanOrder> {
  readonly runner: BulkRunner<RescanOrder>;
  readonly #parts: RescanParts;
  #role: Role = "follower";
  /** Of the run that goes on. */
  #rows = 0;

  constructor(parts: RescanParts) {
    this.#parts = parts;
    this.runner = new BulkRunner(this, parts);
  }

  /** It runs, or pauses and is to go on. */
  get isBusy(): boolean {
    return this.runner.state !== "idle";
  }

  get state(): "none" | "waiting" | "running" {
    if (this.runner.state === "running") return "running";
    return this.#parts.dirty.size > 0 ? "waiting" : "none";
  }

  /** Directories that the one that runs tells. */
  get telling(): number {
    return this.runner.run?.order.directories.size ?? 0;
  }

  /** To be told again. */
  add(directories: readonly string[], isAskedFor = false): void {
    const { dirty, logger, news } = this.#parts;
    logger.info(
      { directories: directories.length },
      isAskedFor ? "directories are told again, as an operator asks" : LOST,
    );
    if (directories.every((directory) => dirty.add(directory))) news.raise();
    else this.#giveUp("too many directories have to be told again");
  }

  /** Nothing more is sent; what was not told to its end waits. */
  cancel(): void {
    this.runner.cancel();
  }

  async close(): Promise<void> {
    this.cancel();
    await this.runner.close();
  }

  /** `role`: of this moment; a change of it cancels what runs. */
  next(role: Role): WorkItem | undefined {
    this.#role = role;
    return this.runner.next();
  }

  take(): RescanOrder | undefined {
    const { dirty, openAudit, logger } = this.#parts;
    if (dirty.size === 0) return undefined;
    const directories = new Set(dirty.takeAll());
    const audits = this.#role === "leader" && openAudit.isRescanSafe;
    this.#rows = 0;
    logger.debug({ directories: directories.size, audits }, "a rescan begins");
    return { directories, audits };
  }

  open({ directories }: RescanOrder, call: AuditOptions): BulkRows {
    const { source } = this.#parts;
    if (source.rescan === undefined) throw new Error("the source knows no rescans");
    return source.rescan([...directories], call);
  }

  /** Superseded rows are found in `frame`: of a directory's row there are two. */
  reading(): Reading {
    return { limits: this.#parts.limits, keepsSuperseded: true };
  }

  gate({ audits }: RescanOrder): "none" | "first batch, which may be superseded" {
    return audits ? "first batch, which may be superseded" : "none";
  }

  /** The audit's rows first. */
  frame(run: Run<RescanOrder>, cut: Cut): readonly Batch[] {
    const { context, limits, bus, openAudit } = this.#parts;
    const { told, changes } = this.#split(run, cut);
    this.#rows += changes.length;
    const indexes = changes.map(() => bus.committedIndex);
    const live = liveBatches(planItems({ changes, indexes }, context.tombstones), limits, context);
    const batches = told.length === 0 ? live : [new BulkBatch("audit", told, [], bus.committedIndex, context), ...live];
    if (run.order.audits && batches.length > 0) openAudit.begin("rescan");
    return batches;
  }

  endOf({ order, isOpen }: Run<RescanOrder>): "audit" | undefined {
    return order.audits && isOpen ? "audit" : undefined;
  }

  endAccepted(): void {
    this.#parts.openAudit.end();
  }

  ended(run: Run<RescanOrder>): void {
    const { counters, logger, openAudit } = this.#parts;
    if (this.endOf(run) === undefined) openAudit.leave();
    counters.runs++;
    counters.directories += run.order.directories.size;
    counters.rows += this.#rows;
    logger.info({ directories: run.order.directories.size, rows: this.#rows }, "a rescan is complete");
  }

  /** Its directories wait for the next one. */
  cutShort({ order }: Run<RescanOrder>): void {
    const { dirty, counters } = this.#parts;
    counters.cutShort++;
    let fits = true;
    for (const directory of order.directories) fits &&= dirty.add(directory);
    if (!fits) this.#lose("too many directories have to be told again");
  }

  failed(_: Run<RescanOrder>, error: unknown, failures: number): Retry | undefined {
    const reason = describeError(error);
    if (failures < MOST_FAILURES) return { level: "warn", text: `a rescan starts anew: ${reason}` };
    this.#giveUp(`a rescan failed again and again: ${reason}`);
    return undefined;
  }

  refused(): void {
    this.#giveUp("the receiver refuses rows of a rescan");
  }

  /** Rows for the audit, and changes for all of them. */
  #split({ order, superseded }: Run<RescanOrder>, { ranges }: Cut): { told: RowRange[]; changes: Change[] } {
    const told: RowRange[] = [];
    const changes: Change[] = [];
    for (const { chunk, from, to } of ranges) {
      for (const [i, row] of parseRange({ chunk, from, to }).entries()) {
        const at = from + i;
        const key = String(row.path);
        const sequence = sequenceOf(chunk, at);
        const isTold = order.audits && order.directories.has(key);
        if (isTold && !superseded.isDeleted(key, sequence)) told.push({ chunk, from: at, to: at + 1 });
        if (!superseded.supersedes(key, sequence)) changes.push(this.#change(row, key, sequence));
      }
    }
    return { told, changes };
  }

  #change(plain: Row, key: string, sequence: number): Change {
    const { knowsTombstones, ambience } = this.#parts;
    const isContainer = plain.is_directory === true;
    const age = ambience.wallClock() / 1000 - Number(plain.modified_time);
    const row = knowsTombstones && !isContainer ? { ...plain, is_atomic_write: age >= SETTLED_SECONDS } : plain;
    return { op: "update", key, row, sequence, isContainer };
  }

  #giveUp(reason: string): void {
    this.cancel();
    this.#lose(reason);
  }

  #lose(reason: string): void {
    const { dirty, openAudit, emit } = this.#parts;
    dirty.takeAll();
    openAudit.leave();
    emit({ kind: "changes lost", reason });
  }
}

/** Of the group that the row is in. */
function sequenceOf({ groupFirstRow, groupSequence }: RowChunk, row: number): number {
  let low = 0;
  let high = groupFirstRow.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >>> 1;
    if ((groupFirstRow[middle] as number) <= row) low = middle;
    else high = middle - 1;
  }
  return groupSequence[low] ?? 0;
}
