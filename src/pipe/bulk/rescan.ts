/**
 * A rescan: directories whose changes were too many to be kept are told again, instead of a snapshot of everything.
 *
 * Each directory's row goes out as a row of an audit and, as those of its children, as a live row: only live rows win over whatever the far
 * side holds, lower modification times and lift tombstones. The end of the audit then makes it remove the children of these directories that
 * were not told, which is all that is left to do: a directory that is gone was a child of one of them.
 *
 *   - One such audit at a time, be it a full one or this: an end answers for everything that the far side has seen since the last one. After
 *     a full audit that got no end, a rescan sends live rows only and leaves the removing to the next full one. So does a follower.
 *   - The first row goes alone, and everything else is read after it was accepted: see audits.
 *   - A row that a live change has overtaken is left out. A directory's audit row is left out only after a delete: otherwise the
 *     far side would not look for what is missing in it.
 *   - The end goes out only after every row was accepted. A rescan that is cut short ends nothing: its directories wait for the next one, also
 *     across sessions. One that cannot be carried out (again and again, or because a row is refused) is given up for a snapshot.
 */

import type { DirtyDirectories } from "../../bus/dirty-directories.ts";
import { Signal } from "../../bus/signal.ts";
import { type Change, describeError, type Logger, type Row, type SourceDriver } from "../../sdk/index.ts";
import { type BackoffSettings, backoffDelayMs } from "../backoff.ts";
import type { EnvelopeBuilder } from "../encode/envelope-builder.ts";
import { parseRow, type RowRange } from "../encode/row-ranges.ts";
import type { RescanCounters } from "../pipe-counters.ts";
import type { Ambience } from "../pipe-options.ts";
import { type Batch, type BatchContext, BulkBatch, EndBatch } from "../send/batch.ts";
import { liveBatches, planItems } from "../send/live.ts";
import type { BatchSize, WorkItem } from "../send/work-item.ts";
import type { AuditTrace } from "./audit.ts";
import { BulkReader, type Cut } from "./bulk-reader.ts";
import { Superseded, type SupersededView } from "./superseded.ts";

const MOST_FAILURES = 3;
/** A file that was modified since may have a writer still. */
const SETTLED_SECONDS = 2;

export interface RescanParts {
  readonly source: SourceDriver;
  /** What is to be told; outlives the session. */
  readonly dirty: DirtyDirectories;
  readonly limits: BatchSize;
  readonly context: BatchContext;
  readonly touched: SupersededView;
  readonly builder: EnvelopeBuilder;
  readonly revives: boolean;
  readonly ambience: Ambience;
  readonly backoff: BackoffSettings;
  readonly logger: Logger;
  readonly counters: RescanCounters;
  readonly trace: AuditTrace;
  readonly index: () => number;
  /** It cannot be told by directories. */
  readonly onLoss: (reason: string) => void;
}

interface Running {
  readonly kind: "running";
  readonly pass: BulkReader;
  readonly directories: ReadonlySet<string>;
  /** It is an audit, too. */
  readonly audits: boolean;
  /** Everything but the first row may be read. */
  isOpen: boolean;
  readonly open: () => void;
  isSpoilt: boolean;
  rows: number;
}

type Work =
  | { readonly kind: "none" }
  | Running
  /** The last one failed; its directories wait. */
  | { readonly kind: "pausing"; readonly cancelTimer: () => void };

export class RescanActivity {
  readonly #parts: RescanParts;
  readonly #news = new Signal();
  #dropped: Promise<void> = Promise.resolve();
  #work: Work = { kind: "none" };
  #failures = 0;

  constructor(parts: RescanParts) {
    this.#parts = parts;
  }

  /** It runs, or pauses and is to go on. */
  get isBusy(): boolean {
    return this.#work.kind !== "none";
  }

  get state(): "none" | "waiting" | "running" {
    if (this.#work.kind === "running") return "running";
    return this.#parts.dirty.size > 0 ? "waiting" : "none";
  }

  /** Directories that the one that runs tells. */
  get telling(): number {
    return this.#work.kind === "running" ? this.#work.directories.size : 0;
  }

  /** To be told again. */
  add(directories: readonly string[]): void {
    const { dirty, logger } = this.#parts;
    logger.info({ directories: directories.length }, "too many changes were waiting: their directories are told again");
    if (directories.every((directory) => dirty.add(directory))) this.#news.raise();
    else this.#giveUp("too many directories have to be told again");
  }

  /** Nothing more is sent; what was not told to its end waits. */
  cancel(): void {
    const work = this.#work;
    this.#work = { kind: "none" };
    this.#failures = 0;
    if (work.kind === "pausing") work.cancelTimer();
    if (work.kind === "running") this.#cutShort(work);
  }

  /** Resolves when the source is left alone. */
  async close(): Promise<void> {
    this.cancel();
    await this.#dropped;
  }

  /** A row of an audit was refused for its content. */
  spoil(): void {
    if (this.#work.kind === "running") this.#work.isSpoilt = true;
  }

  readable(signal: AbortSignal): Promise<void> {
    return this.#news.wait(signal);
  }

  /** `isLeader`: of this moment; a change of it cancels what runs. */
  next(isLeader: boolean): WorkItem | undefined {
    if (this.#work.kind === "none" && this.#parts.dirty.size > 0) this.#begin(isLeader);
    const work = this.#work;
    if (work.kind !== "running") return undefined;
    if (this.#parts.touched.isOverrun) return this.#fail(work, "too many directories were deleted meanwhile");
    if (work.pass.reading.kind === "failed") return this.#fail(work, describeError(work.pass.reading.error));
    for (let cut = work.pass.cut(); cut !== undefined; cut = work.pass.cut()) {
      const batches = this.#batches(work, cut);
      if (batches.length > 0) return this.#rowsItem(work, cut, batches);
      cut.settle();
      if (!work.isOpen) return this.#fail(work, "its first directory was deleted meanwhile");
    }
    return work.pass.reading.kind === "done" ? this.#end(work) : undefined;
  }

  #begin(isLeader: boolean): void {
    const { source, dirty, limits, touched, trace, logger } = this.#parts;
    const directories = dirty.takeAll();
    const audits = isLeader && trace.begunBy !== "audit";
    let open: () => void = () => undefined;
    const opened = new Promise<void>((resolve) => {
      open = resolve;
    });
    touched.begin();
    const pass = new BulkReader(
      {
        open: ({ signal }) => {
          if (source.rescan === undefined) throw new Error("the source knows no rescans");
          return source.rescan(directories, { signal, opened });
        },
        limits,
        // Overtaken rows are found here: of a directory's row there are two.
        touched: new Superseded().view(),
        revival: undefined,
        onProgress: () => this.#news.raise(),
      },
      this.#dropped,
    );
    if (!audits) open();
    this.#work = {
      kind: "running",
      pass,
      directories: new Set(directories),
      audits,
      isOpen: !audits,
      open,
      isSpoilt: false,
      rows: 0,
    };
    logger.debug({ directories: directories.length, audits }, "a rescan begins");
  }

  #rowsItem(work: Running, cut: Cut, batches: readonly Batch[]): WorkItem {
    if (work.audits) this.#parts.trace.begunBy = "rescan";
    return {
      batches,
      isCancelled: () => this.#work !== work,
      delivered: () => {
        cut.settle();
        if (work.isOpen || this.#work !== work) return;
        work.isOpen = true;
        // Everything that is read from now on is newer than what was sent before.
        this.#parts.touched.begin();
        work.open();
      },
      abandoned: cut.settle,
    };
  }

  /** The audit's rows first. */
  #batches(work: Running, cut: Cut): Batch[] {
    const { touched, context, limits, index } = this.#parts;
    const told: RowRange[] = [];
    const changes: Change[] = [];
    for (const { chunk, from, to } of cut.ranges) {
      for (let at = from; at < to; at++) {
        const row = parseRow(chunk, at);
        const key = String(row.path);
        const sequence = sequenceOf(chunk, at);
        if (work.audits && work.directories.has(key) && !touched.isDeleted(key, sequence))
          told.push({ chunk, from: at, to: at + 1 });
        if (!touched.supersedes(key, sequence)) changes.push(this.#change(row, key, sequence));
      }
    }
    work.rows += changes.length;
    const indexes = changes.map(() => index());
    const items = planItems({ changes, indexes }, context.revival);
    const live = liveBatches(items, limits, context);
    return told.length === 0 ? live : [new BulkBatch("audit", told, [], index(), context), ...live];
  }

  #change(plain: Row, key: string, sequence: number): Change {
    const { revives, ambience } = this.#parts;
    const isContainer = plain.is_directory === true;
    const age = ambience.wallClock() / 1000 - Number(plain.modified_time);
    const row = revives && !isContainer ? { ...plain, is_atomic_write: age >= SETTLED_SECONDS } : plain;
    return { op: "update", key, row, sequence, isContainer };
  }

  #end(work: Running): WorkItem | undefined {
    if (work.isSpoilt) {
      this.#work = { kind: "none" };
      this.#cutShort(work);
      this.#giveUp("the far side refuses rows of a rescan");
      return undefined;
    }
    if (!work.audits || !work.isOpen) {
      this.#ended(work);
      return undefined;
    }
    return {
      batches: [new EndBatch("audit", this.#parts.builder.end("audit"), () => this.#ended(work))],
      isCancelled: () => this.#work !== work,
      delivered: () => undefined,
      abandoned: () => undefined,
    };
  }

  #ended(work: Running): void {
    const { counters, trace, logger } = this.#parts;
    if (work.audits && work.isOpen) trace.begunBy = undefined;
    // What an earlier one began is left without an end.
    else if (trace.begunBy === "rescan") trace.begunBy = "audit";
    if (this.#work !== work) return;
    this.#work = { kind: "none" };
    this.#failures = 0;
    counters.runs++;
    counters.directories += work.directories.size;
    counters.rows += work.rows;
    logger.info({ directories: work.directories.size, rows: work.rows }, "a rescan is complete");
    this.#drop(work);
    this.#news.raise();
  }

  #fail(work: Running, reason: string): undefined {
    const { ambience, backoff, logger } = this.#parts;
    this.#failures++;
    this.#work = { kind: "none" };
    this.#cutShort(work);
    if (this.#failures >= MOST_FAILURES) {
      this.#giveUp(`a rescan failed again and again: ${reason}`);
      return undefined;
    }
    const delayMs = backoffDelayMs(backoff, this.#failures, ambience.random());
    logger.warn({ failures: this.#failures, delayMs: Math.round(delayMs) }, `a rescan starts anew: ${reason}`);
    const over = (): void => {
      if (this.#work === pausing) this.#work = { kind: "none" };
      this.#news.raise();
    };
    const pausing: Work = { kind: "pausing", cancelTimer: ambience.setTimer(delayMs, over) };
    this.#work = pausing;
    return undefined;
  }

  /** From here on only a full audit answers for what the far side has seen. */
  #giveUp(reason: string): void {
    const { dirty, trace, onLoss } = this.#parts;
    this.cancel();
    dirty.takeAll();
    if (trace.begunBy === "rescan") trace.begunBy = "audit";
    onLoss(reason);
  }

  #cutShort(work: Running): void {
    const { dirty, counters, trace, onLoss } = this.#parts;
    counters.cutShort++;
    this.#drop(work);
    let fits = true;
    for (const directory of work.directories) fits &&= dirty.add(directory);
    if (fits) return;
    dirty.takeAll();
    if (trace.begunBy === "rescan") trace.begunBy = "audit";
    onLoss("too many directories have to be told again");
  }

  #drop(work: Running): void {
    this.#parts.touched.end();
    const dropped = work.pass.drop().catch((error: unknown) => {
      this.#parts.logger.error({}, `the source did not take its buffers back: ${describeError(error)}`);
    });
    this.#dropped = Promise.all([this.#dropped, dropped]).then(() => undefined);
  }
}

/** Of the group that the row is in. */
function sequenceOf({ groupFirstRow, groupSequence }: RowRange["chunk"], row: number): number {
  let low = 0;
  let high = groupFirstRow.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >>> 1;
    if ((groupFirstRow[middle] as number) <= row) low = middle;
    else high = middle - 1;
  }
  return groupSequence[low] ?? 0;
}
