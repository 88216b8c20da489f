/**
 * Audits: all there is, told again, so that the far side can remove what it holds beyond that.
 *
 * An end signal makes the far side delete every child of a directory it was told about when that child was neither told about nor
 * touched by a live row since the audit began. Hence:
 *
 *   - The end goes out only after the source finished and every row was accepted. Otherwise nothing more is sent, which is safe, and the
 *     audit starts anew. A row that the far side refuses for its content costs the audit its end, too, a live one that came meanwhile as well.
 *   - The root's row goes first, alone, and nothing else is read before it was accepted. From then on the far side counts an audit as
 *     begun, so a live row that is sent later protects its path, and only such rows supersede rows of the audit:
 *
 *         read /d/a ............................ dropped, the live row is newer
 *                     live row of /d/a sent      it must not come before the beginning: /d/a would count as not seen
 *
 *   - What an audit says of modification times that were lowered the far side does not believe: see {@link StaleInAudit}.
 *   - A directory's row precedes those of its children, retries included: if the far side forgets what it has seen in between (any new
 *     session makes it), an unseen directory costs coverage, never files.
 */
import { Signal } from "../../bus/signal.ts";
import {
  type AuditOptions,
  type BulkRows,
  describeError,
  isFustorError,
  type Logger,
  type SourceDriver,
} from "../../sdk/index.ts";
import { type BackoffSettings, backoffDelayMs } from "../backoff.ts";
import type { EnvelopeBuilder } from "../encode/envelope-builder.ts";
import type { AuditCounters } from "../pipe-counters.ts";
import type { Ambience } from "../pipe-options.ts";
import type { AuditState } from "../pipe-status.ts";
import { StaleInAudit } from "../receiver/stale-rows.ts";
import { type BatchContext, BulkBatch, EndBatch } from "../send/batch.ts";
import type { BatchSize, WorkItem } from "../send/work-item.ts";
import { type AuditPlan, type AuditSettings, firstAuditPlan, nextAuditPlan, type Predecessor } from "./audit-plan.ts";
import { BulkReader, type Cut } from "./bulk-reader.ts";
import type { SupersededView } from "./superseded.ts";

export interface AuditParts {
  readonly source: SourceDriver;
  readonly settings: AuditSettings & {
    /** Rows that were read so long ago may still reach the far side. */
    readonly lateSeconds: number;
  };
  /** Of this session. */
  readonly predecessor: Predecessor;
  /** Every audit that the take-over asked for is complete. */
  readonly onTookOver: () => void;
  readonly limits: BatchSize;
  readonly context: BatchContext;
  readonly touched: SupersededView;
  readonly builder: EnvelopeBuilder;
  readonly revives: boolean;
  readonly ambience: Ambience;
  readonly backoff: BackoffSettings;
  readonly logger: Logger;
  readonly counters: AuditCounters;
  readonly trace: AuditTrace;
  readonly index: () => number;
}

/**
 * Whose audit the far side may count as begun and not ended, undefined = none. It goes on counting what it has seen, so whoever sends an end
 * answers for all of that: a full audit does, a rescan only for what rescans have told.
 */
export interface AuditTrace {
  begunBy: "audit" | "rescan" | undefined;
}

interface Running {
  readonly kind: "running";
  readonly pass: BulkReader;
  /** The far side knows that it began. */
  isOpen: boolean;
  readonly open: () => void;
  /** A row of it was refused, or a live one meanwhile. */
  isSpoilt: boolean;
  /** Epoch second. */
  readonly begunAt: number;
}

type Work =
  | { readonly kind: "none" }
  | { readonly kind: "waiting"; readonly cancelTimer: () => void }
  | { readonly kind: "due" }
  | Running
  /** The last one failed; it starts anew. */
  | { readonly kind: "pausing"; readonly cancelTimer: () => void };

export class AuditActivity {
  readonly #parts: AuditParts;
  readonly #news = new Signal();
  #dropped: Promise<void> = Promise.resolve();
  #work: Work = { kind: "none" };
  #plan: AuditPlan = { owed: 0, delayMs: undefined };
  /** Fusion asked for a later snapshot of this session, or it led after it had followed: then nothing is known of those before. */
  #predecessor: Predecessor;
  #failures = 0;
  /** Epoch second from which on changes are not yet covered by a complete audit. */
  #coveredUntil: number;

  constructor(parts: AuditParts) {
    this.#parts = parts;
    this.#predecessor = parts.predecessor;
    this.#coveredUntil = parts.ambience.wallClock() / 1000;
  }

  get state(): AuditState {
    const { kind } = this.#work;
    return kind === "none" ? "off" : kind === "running" || kind === "due" ? "running" : kind;
  }

  /** A leader's snapshot ended: what follows a take-over begins. */
  begin(): void {
    this.cancel();
    if (this.#parts.source.getAuditIterator === undefined) return;
    this.#failures = 0;
    this.#follow(firstAuditPlan(this.#parts.settings, this.#predecessor));
    this.#predecessor = "unknown";
  }

  /** Nothing more is sent, and no further audit begins by itself. */
  cancel(): void {
    const work = this.#work;
    this.#work = { kind: "none" };
    if (work.kind === "waiting" || work.kind === "pausing") work.cancelTimer();
    if (work.kind === "running") this.#cutShort(work);
  }

  /** Resolves when the source is left alone. */
  async close(): Promise<void> {
    this.cancel();
    await this.#dropped;
  }

  /** A pause after a failure is cut short: the source came back. */
  wake(): void {
    if (this.#work.kind !== "pausing") return;
    this.#work.cancelTimer();
    this.#becomeDue();
  }

  /** A row was refused for its content: of the audit, or a live one in whose favour the audit leaves its own out. */
  spoil(): void {
    if (this.#work.kind === "running") this.#work.isSpoilt = true;
  }

  readable(signal: AbortSignal): Promise<void> {
    return this.#news.wait(signal);
  }

  next(): WorkItem | undefined {
    if (this.#work.kind === "due") this.#beginPass();
    const work = this.#work;
    if (work.kind !== "running") return undefined;
    if (this.#parts.touched.isOverrun) {
      this.#pause(work, new Error("too many directories were deleted meanwhile"));
      return undefined;
    }
    if (work.pass.reading.kind === "failed") {
      this.#pause(work, work.pass.reading.error);
      return undefined;
    }
    return this.#rowsItem(work) ?? (work.pass.reading.kind === "done" ? this.#endItem(work) : undefined);
  }

  #follow(plan: AuditPlan): void {
    this.#plan = plan;
    const { delayMs } = plan;
    if (delayMs === undefined) this.#work = { kind: "none" };
    else if (delayMs === 0) this.#becomeDue();
    else
      this.#work = {
        kind: "waiting",
        cancelTimer: this.#parts.ambience.setTimer(delayMs, () => this.#becomeDue()),
      };
  }

  #becomeDue(): void {
    this.#work = { kind: "due" };
    this.#news.raise();
  }

  #beginPass(): void {
    const { source, settings, limits, context, touched, revives, ambience } = this.#parts;
    const begunAt = ambience.wallClock() / 1000;
    let open: () => void = () => undefined;
    const opened = new Promise<void>((resolve) => {
      open = resolve;
    });
    const audit = (options: AuditOptions): BulkRows => {
      if (source.getAuditIterator === undefined) throw new Error("the source knows no audits");
      return source.getAuditIterator(options);
    };
    const pass = new BulkReader(
      {
        open: ({ signal }) => audit({ signal, opened }),
        limits,
        touched,
        revival: revives ? context.revival.inAudits : undefined,
        doubts: revives ? new StaleInAudit(this.#coveredUntil - settings.lateSeconds, begunAt) : undefined,
        onProgress: () => this.#news.raise(),
      },
      this.#dropped,
    );
    touched.end();
    this.#work = { kind: "running", pass, isOpen: false, open, isSpoilt: false, begunAt };
    this.#parts.logger.debug({ owed: this.#plan.owed }, "an audit begins");
  }

  #rowsItem(work: Running): WorkItem | undefined {
    const cut = work.pass.cut();
    if (cut === undefined) return undefined;
    const { context, index, trace } = this.#parts;
    trace.begunBy = "audit";
    return {
      batches: [new BulkBatch("audit", cut.ranges, cut.revived, index(), context)],
      isCancelled: () => this.#work !== work,
      delivered: () => this.#delivered(work, cut),
      abandoned: cut.settle,
    };
  }

  #delivered(work: Running, cut: Cut): void {
    cut.settle();
    if (work.isOpen || this.#work !== work) return;
    work.isOpen = true;
    this.#parts.touched.begin();
    work.open();
  }

  #endItem(work: Running): WorkItem | undefined {
    if (work.isSpoilt) {
      this.#parts.logger.warn({}, "an audit gets no end: the far side refused rows of it");
      this.#cutShort(work);
      this.#follow(nextAuditPlan(this.#plan, "refused", this.#parts.settings));
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
    // A demotion while the answer was on its way: what comes next is not ours.
    const { counters, trace, ambience, logger, settings, context } = this.#parts;
    trace.begunBy = undefined;
    context.revival.noteAuditEnd(ambience.wallClock() / 1000);
    counters.runs++;
    counters.lastCompleteAt = ambience.now();
    if (this.#work !== work) return;
    logger.info({ rows: work.pass.progress().rows }, "an audit is complete");
    this.#coveredUntil = work.begunAt;
    this.#drop(work);
    this.#failures = 0;
    const wasOwed = this.#plan.owed;
    this.#follow(nextAuditPlan(this.#plan, "complete", settings));
    if (wasOwed > 0 && this.#plan.owed === 0) this.#parts.onTookOver();
  }

  #pause(work: Running, error: unknown): void {
    const { ambience, backoff, logger } = this.#parts;
    this.#cutShort(work);
    this.#failures++;
    const delayMs = backoffDelayMs(backoff, this.#failures, ambience.random());
    const facts = { failures: this.#failures, delayMs: Math.round(delayMs) };
    const level = isFustorError(error, "FUSTOR_SOURCE_UNAVAILABLE") ? "info" : "warn";
    logger[level](facts, `an audit was cut short and starts anew: ${describeError(error)}`);
    this.#work = { kind: "pausing", cancelTimer: ambience.setTimer(delayMs, () => this.wake()) };
  }

  #cutShort(work: Running): void {
    this.#parts.counters.cutShort++;
    this.#drop(work);
  }

  #drop(work: Running): void {
    this.#parts.touched.end();
    // Whoever waits for it ends by the signal of the pass.
    const dropped = work.pass.drop().catch((error: unknown) => {
      this.#parts.logger.error({}, `the source did not take its buffers back: ${describeError(error)}`);
    });
    this.#dropped = Promise.all([this.#dropped, dropped]).then(() => undefined);
  }
}
