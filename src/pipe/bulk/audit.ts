/**
 * Audits: all rows of the source once more, so that Fusion can remove what it holds beyond them.
 *
 * Upon the end signal Fusion deletes every child of a directory whose row it got, unless a row of the audit or a live
 * row named that child since the audit began. Hence:
 *
 *   - The end goes out only after the source finished and every row was accepted. Otherwise nothing more is sent, which
 *     is safe, and the audit starts anew. A row that the receiver refuses for its content costs the audit its end, too,
 *     a live one that came meanwhile as well.
 *   - The root's row goes first, alone, and nothing else is read before it was accepted. From then on the receiver
 *     counts an audit as begun, so a live row that is sent later protects its path, and only such rows supersede rows
 *     of the audit:
 *
 *         read /d/a ............................ dropped, the live row is newer
 *                     live row of /d/a sent      it must not come before the beginning: /d/a would count as not seen
 *
 *   - The receiver believes no row that lowers a modification time. So rows of what was changed since the last complete
 *     audit, without showing it in that time, go out in the lifting form as well: several agents may report the same
 *     tree, and one may die after it sent an old reading of a path and before it sent the newer one.
 *   - A directory's row precedes those of its children, retries included: if the receiver forgets what it has seen in
 *     between (any new session makes it), an unseen directory costs coverage, never files.
 */
import { type AuditOptions, type BulkRows, describeError, isFustorError, omitUndefined } from "../../sdk/index.ts";
import type { AuditCounters } from "../pipe-counters.ts";
import type { AuditState } from "../pipe-status.ts";
import type { Batch } from "../send/batch.ts";
import { BulkBatch } from "../send/bulk-batch.ts";
import { type AuditPlan, type AuditSettings, firstAuditPlan, nextAuditPlan, type Predecessor } from "./audit-plan.ts";
import type { BulkJob, Reading, Retry, Run } from "./bulk-job.ts";
import type { BulkParts } from "./bulk-parts.ts";
import type { Cut } from "./bulk-reader.ts";
import type { OpenAudit } from "./open-audit.ts";
import { BulkRunner } from "./runner.ts";

export interface AuditParts extends BulkParts {
  readonly settings: AuditSettings & {
    /** Rows that were read so long ago may still reach the receiver. */
    readonly lateSeconds: number;
  };
  /** Of this session. */
  readonly predecessor: Predecessor;
  readonly counters: AuditCounters;
  readonly openAudit: OpenAudit;
}

/** Epoch seconds. `strongSince`: see {@link AuditOptions}. */
interface AuditOrder {
  readonly begunAt: number;
  readonly strongSince: number | undefined;
}

/** When the next audit begins; an audit that runs or pauses is the runner's affair. */
type Schedule =
  | { readonly kind: "off" }
  | { readonly kind: "waiting"; readonly cancelTimer: () => void }
  | { readonly kind: "due" };

const OFF = { kind: "off" } as const;

export class AuditJob implements BulkJob<AuditOrder> {
  readonly runner: BulkRunner<AuditOrder>;
  readonly #parts: AuditParts;
  #schedule: Schedule = OFF;
  #plan: AuditPlan = { owed: 0, delayMs: undefined };
  #hasTakenOver = false;
  /**
   * Fusion asked for a later snapshot of this session, or it led after it had followed: then nothing is known of those
   * before.
   */
  #predecessor: Predecessor;
  /** Epoch second from which on changes are not yet covered by a complete audit. */
  #coveredUntil: number;

  constructor(parts: AuditParts) {
    this.#parts = parts;
    this.runner = new BulkRunner(this, parts);
    this.#predecessor = parts.predecessor;
    this.#coveredUntil = parts.ambience.wallClock() / 1000;
  }

  get state(): AuditState {
    const { state } = this.runner;
    if (state !== "idle") return state === "pausing" ? "pausing" : "running";
    return this.#schedule.kind === "due" ? "running" : this.#schedule.kind;
  }

  /** A leader's snapshot ended: what follows a take-over begins. */
  begin(): void {
    this.cancel();
    if (this.#parts.source.getAuditIterator === undefined) return;
    const { settings, ambience } = this.#parts;
    this.#follow(firstAuditPlan(settings, this.#predecessor, ambience.random));
    this.#predecessor = "unknown";
    if (settings.afterTakeOver && this.#plan.owed === 0) this.#takeOver();
  }

  /** After a snapshot that an operator cancelled: the next audit comes when a periodic one would. */
  beginLater(): void {
    this.cancel();
    if (this.#parts.source.getAuditIterator === undefined) return;
    const { settings, ambience } = this.#parts;
    const first = firstAuditPlan(settings, this.#predecessor, ambience.random);
    this.#follow(nextAuditPlan(first, "refused", settings, ambience.random));
  }

  /** Every audit that the take-over asked for is complete, those after a later snapshot as well. */
  get hasTakenOver(): boolean {
    return this.#hasTakenOver && this.#plan.owed === 0;
  }

  /** The receiver does not hold what an earlier run left: a snapshot begins. */
  distrust(): void {
    if (this.#predecessor === "own run that is resumed") this.#predecessor = "unknown";
  }

  #takeOver(): void {
    this.#hasTakenOver = true;
    this.#parts.emit({ kind: "took over" });
  }

  /** Nothing more is sent, and no further audit begins by itself. */
  cancel(): void {
    if (this.#schedule.kind === "waiting") this.#schedule.cancelTimer();
    this.#schedule = OFF;
    this.runner.cancel();
  }

  async close(): Promise<void> {
    this.cancel();
    await this.runner.close();
  }

  take(): AuditOrder | undefined {
    if (this.#schedule.kind !== "due") return undefined;
    this.#schedule = OFF;
    this.#parts.logger.debug({ owed: this.#plan.owed }, "an audit begins");
    const { ambience, knowsTombstones, settings } = this.#parts;
    const strongSince = knowsTombstones ? Math.floor(this.#coveredUntil - settings.lateSeconds) : undefined;
    return { begunAt: ambience.wallClock() / 1000, strongSince };
  }

  open({ strongSince }: AuditOrder, call: AuditOptions): BulkRows {
    const { source } = this.#parts;
    if (source.getAuditIterator === undefined) throw new Error("the source knows no audits");
    return source.getAuditIterator(omitUndefined({ ...call, strongSince }));
  }

  reading(): Reading {
    const { pace, context, knowsTombstones } = this.#parts;
    if (!knowsTombstones) return { limits: pace };
    return { limits: pace, tombstones: context.tombstones.inAudits, strongRows: "lifted as well" };
  }

  gate(): "first batch" {
    return "first batch";
  }

  frame(_: Run<AuditOrder>, { ranges, lifted }: Cut): readonly Batch[] {
    const { context, bus, openAudit } = this.#parts;
    openAudit.begin("audit");
    return [new BulkBatch("audit", ranges, lifted, bus.committedIndex, context)];
  }

  endOf(): "audit" {
    return "audit";
  }

  endAccepted(): void {
    const { counters, openAudit, context, ambience } = this.#parts;
    openAudit.end();
    context.tombstones.noteAuditEnd(ambience.wallClock() / 1000);
    counters.runs++;
    counters.lastCompleteAt = ambience.now();
  }

  ended({ order, reader }: Run<AuditOrder>): void {
    this.#parts.logger.info({ rows: reader.progress().rows }, "an audit is complete");
    this.#coveredUntil = order.begunAt;
    const wasOwed = this.#plan.owed;
    const { settings, ambience } = this.#parts;
    this.#follow(nextAuditPlan(this.#plan, "complete", settings, ambience.random));
    if (wasOwed > 0 && this.#plan.owed === 0) this.#takeOver();
  }

  cutShort(): void {
    this.#parts.counters.cutShort++;
  }

  failed(_: Run<AuditOrder>, error: unknown): Retry {
    this.#schedule = { kind: "due" };
    const level = isFustorError(error, "FUSTOR_SOURCE_UNAVAILABLE") ? "info" : "warn";
    return { level, text: `an audit was cut short and starts anew: ${describeError(error)}` };
  }

  refused(): void {
    this.#parts.logger.warn({}, "an audit gets no end: the receiver refused rows of it");
    const { settings, ambience } = this.#parts;
    this.#follow(nextAuditPlan(this.#plan, "refused", settings, ambience.random));
  }

  #follow(plan: AuditPlan): void {
    this.#plan = plan;
    const { delayMs } = plan;
    if (delayMs === undefined) this.#schedule = OFF;
    else if (delayMs === 0) this.#becomeDue();
    else {
      const cancelTimer = this.#parts.ambience.setTimer(delayMs, () => this.#becomeDue());
      this.#schedule = { kind: "waiting", cancelTimer };
    }
  }

  #becomeDue(): void {
    this.#schedule = { kind: "due" };
    this.#parts.news.raise();
  }
}
