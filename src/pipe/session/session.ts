/** One session from its creation to its end: heartbeat and scheduler side by side, until one of them ends. */
import type { DirtyDirectories } from "../../bus/dirty-directories.ts";
import type { BusBatch } from "../../bus/event-bus.ts";
import { Signal } from "../../bus/signal.ts";
import { type HeartbeatAnswer, isFustorError, type Role } from "../../sdk/index.ts";
import type { BackoffSettings } from "../backoff.ts";
import type { AuditParts } from "../bulk/audit.ts";
import type { Predecessor } from "../bulk/audit-plan.ts";
import { BulkJobs } from "../bulk/bulk-jobs.ts";
import type { BulkEvent, BulkParts } from "../bulk/bulk-parts.ts";
import type { Superseded } from "../bulk/superseded.ts";
import type { PipeCounters } from "../pipe-counters.ts";
import type { PipeParts } from "../pipe-options.ts";
import type { Completeness } from "../receiver/completeness.ts";
import { reviveFromSecond, type TakeOver, TIMEOUTS } from "../receiver/takeover.ts";
import type { BatchContext } from "../send/batch.ts";
import type { BatchLimits } from "../send/batch-limits.ts";
import { BulkGate } from "../send/bulk-gate.ts";
import { BulkPace } from "../send/bulk-pace.ts";
import { Delivery } from "../send/delivery.ts";
import { LiveChanges } from "../send/live.ts";
import type { OpenSession } from "./connector.ts";
import { Heartbeat } from "./heartbeat.ts";
import { Scheduler } from "./scheduler.ts";
import { SentinelActivity } from "./sentinel.ts";

/** How a session ended. */
export type SessionEnd =
  | { readonly kind: "stopped" }
  /** `isGhost`: the far side may still hold it. */
  | { readonly kind: "lost"; readonly reason: string; readonly isGhost: boolean }
  /** A defect of ours or of a driver. */
  | { readonly kind: "broke"; readonly error: unknown };

export interface SessionRunParts {
  readonly open: OpenSession;
  readonly pipe: PipeParts;
  readonly limits: BatchLimits;
  readonly context: BatchContext;
  readonly superseded: Superseded;
  /** To be told again; outlives the session. */
  readonly dirty: DirtyDirectories;
  readonly history: Completeness;
  readonly counters: PipeCounters;
  /** For sessions; a snapshot that waits for its source uses it too. */
  readonly connectBackoff: BackoffSettings;
  /** What is known of those who led before. */
  readonly before: Pick<TakeOver, "earlierRunAliveAt" | "mayFollowOthers"> & {
    /** When a run of ours that led, and was stopped in order, last knew its session to be alive, epoch ms. */
    readonly stoppedRunAliveAt: number | undefined;
  };
  /** What the run before may have left behind was put right. */
  readonly onCaughtUp: () => void;
  readonly onHeartbeat: (answer: HeartbeatAnswer) => void;
}

/** Pushes are repeated sooner than sessions are asked for: the far side is known to be there. */
const FIRST_PUSH_RETRY_MS = 1_000;
const LONGEST_PUSH_RETRY_MS = 10_000;

export class SessionRun {
  readonly bulk: BulkJobs;
  /** Something may be sent that could not a moment ago. */
  readonly #news = new Signal();
  readonly #sentinel: SentinelActivity;
  readonly #gate: BulkGate;
  /** Limits of what is sent in bulk. */
  readonly #pace: BulkPace;
  readonly #parts: SessionRunParts;
  readonly #abort = new AbortController();
  readonly #delivery: Delivery;
  readonly #heartbeat: Heartbeat;
  readonly #scheduler: Scheduler;
  #stopping = false;
  #cancelDeadline: () => void = () => undefined;

  constructor(parts: SessionRunParts) {
    this.#parts = parts;
    const { settings, ambience } = parts.pipe;
    this.#pace = new BulkPace(
      parts.limits,
      () => ambience.now(),
      () => this.#gate.isPaused,
    );
    this.#delivery = this.#makeDelivery();
    this.#gate = new BulkGate(settings.snapshotPauseLagMs, ambience, () => this.#news.raise());
    this.bulk = this.#makeBulk();
    this.#sentinel = this.#makeSentinel();
    this.#scheduler = this.#makeScheduler(parts.open.session.role);
    this.#heartbeat = this.#makeHeartbeat();
    const { earlierRunAliveAt, mayFollowOthers } = parts.before;
    if (earlierRunAliveAt !== undefined || mayFollowOthers || parts.open.session.role === "follower")
      this.#noteOthers();
  }

  /** Once. Resolves when nothing of the session is in flight any more. Never rejects. */
  async run(): Promise<SessionEnd> {
    const { signal } = this.#abort;
    const sentinel = this.#sentinel.run(signal);
    const tasks = [this.#scheduler.run(signal), this.#heartbeat.run(signal)];
    // Only how the first one ends counts: the other is cancelled because of it.
    const end = await Promise.race(tasks).then(
      (): SessionEnd => ({ kind: "stopped" }),
      (error: unknown): SessionEnd => this.#endOf(error),
    );
    this.#abort.abort();
    await Promise.allSettled([...tasks, sentinel]);
    this.#cancelDeadline();
    this.#gate.close();
    return end;
  }

  /** Rows in bulk wait for live changes at the moment. */
  get isBulkPaused(): boolean {
    return this.#gate.isPaused;
  }

  /** A batch that waits to be sent again goes now. */
  wake(): void {
    this.#delivery.wake();
  }

  /** Ends `run` when what is queued was sent, at the first failure, or at the deadline. */
  stop(deadlineMs: number): void {
    this.#stopping = true;
    this.#scheduler.drain();
    this.#cancelDeadline = this.#parts.pipe.ambience.setTimer(deadlineMs, () => this.#abort.abort());
  }

  #endOf(error: unknown): SessionEnd {
    if (isFustorError(error, "FUSTOR_SESSION_LOST")) {
      return { kind: "lost", reason: error.message, isGhost: error.details.expired === true };
    }
    return this.#stopping ? { kind: "stopped" } : { kind: "broke", error };
  }

  #makeDelivery(): Delivery {
    const { open, pipe, counters, connectBackoff } = this.#parts;
    return new Delivery({
      sender: pipe.sender,
      sessionId: open.session.sessionId,
      ambience: pipe.ambience,
      logger: pipe.logger,
      backoff: {
        ...connectBackoff,
        firstMs: Math.min(connectBackoff.firstMs, FIRST_PUSH_RETRY_MS),
        maxMs: Math.min(connectBackoff.maxMs, LONGEST_PUSH_RETRY_MS),
      },
      isSessionFresh: () => this.#heartbeat.isFresh(),
      onFailure: (error) => counters.fail(error),
      onAnswer: (answer, sentAt) => {
        counters.batchesSent++;
        if (answer.snapshotNeeded) this.#scheduler.requestSnapshot(sentAt);
      },
      limits: this.#parts.limits,
      onTaken: (batch, tookMs) => {
        if (batch.phase === "message") this.#pace.noteLive(tookMs);
        else this.#pace.noteBulk(batch.sizeBytes(), tookMs);
      },
      onPoison: (row) => {
        counters.poisonRows++;
        // An audit leaves out what a live row tells, and a rescan tells by live rows: an end would delete what a refused one stands for.
        if (row.phase === "audit" || row.phase === "message") {
          this.bulk.spoil();
        }
        pipe.onPoison?.(row);
      },
    });
  }

  #makeBulk(): BulkJobs {
    const { open, pipe, limits, context, superseded, counters, dirty, connectBackoff } = this.#parts;
    const { source, ambience, logger, store, bus } = pipe;
    const shared: BulkParts = {
      source,
      limits,
      pace: this.#pace,
      context,
      superseded,
      revives: this.#revives,
      ambience,
      backoff: connectBackoff,
      logger,
      news: this.#news,
      index: () => bus.committedIndex,
      emit: (event) => this.#onBulk(event),
    };
    return new BulkJobs(shared, this.#gate, {
      snapshot: { betweenAskedMs: open.session.sessionTimeoutMs, lastTotal: () => store.lastSnapshotRows?.() },
      audit: { settings: this.#auditSettings, counters: counters.audit, predecessor: this.#predecessor },
      rescan: { dirty, counters: counters.rescans },
      scans: { counters: counters.scans },
    });
  }

  get #auditSettings(): AuditParts["settings"] {
    const { open, pipe } = this.#parts;
    const { auditIntervalMs } = pipe.settings;
    return {
      intervalMs: open.session.auditIntervalMs ?? auditIntervalMs,
      afterTakeOver: auditIntervalMs > 0,
      secondAfterMs: open.session.sessionTimeoutMs,
      lateSeconds: (TIMEOUTS * open.session.sessionTimeoutMs) / 1000,
    };
  }

  #onBulk(event: BulkEvent): void {
    const { pipe, history, onCaughtUp } = this.#parts;
    switch (event.kind) {
      case "snapshot complete":
        history.complete();
        onCaughtUp();
        pipe.store.noteSnapshot?.(event.rows);
        pipe.logger.info({ rows: event.rows }, "the snapshot is complete");
        return;
      case "snapshot ended":
        this.#scheduler.snapshotEnded();
        return;
      case "took over":
        pipe.store.noteTookOver?.(true);
        return;
      case "restated":
        onCaughtUp();
        return;
      case "changes lost":
        this.#lost(event.reason);
    }
  }

  /** While the session of a stopped run would not have expired yet, nobody else can have led and died: Fusion would still take that one for the leader. */
  get #predecessor(): Predecessor {
    const { open, pipe, before } = this.#parts;
    if (open.session.role !== "leader" || before.mayFollowOthers || before.stoppedRunAliveAt === undefined)
      return "unknown";
    const ago = pipe.ambience.wallClock() - before.stoppedRunAliveAt;
    return ago >= 0 && ago < open.session.sessionTimeoutMs ? "own run that was stopped" : "unknown";
  }

  #makeSentinel(): SentinelActivity {
    const { open, pipe, counters } = this.#parts;
    const { source, sender, ambience, logger, settings } = pipe;
    return new SentinelActivity({
      source,
      sender,
      sessionId: open.session.sessionId,
      intervalMs: open.session.sentinelIntervalMs ?? settings.sentinelIntervalMs,
      ambience,
      logger,
      counters: counters.sentinel,
      mayAct: () => this.#scheduler.role === "leader" && !this.#stopping && this.#heartbeat.isFresh(),
    });
  }

  #makeScheduler(role: Role): Scheduler {
    const { open, pipe, limits, context, history, counters, before } = this.#parts;
    const { sender, bus, ambience, logger } = pipe;
    const onDelivered = (batch: BusBatch): void => {
      history.committed(batch.indexes.at(-1) ?? -1);
      counters.delivered(batch, ambience.now());
      this.#gate.note(counters.lagMs ?? 0);
    };
    const onDirty = (directories: readonly string[]): void => this.bulk.rescan.add(directories);
    const onLoss = (reason: string): void => this.#lost(reason);
    const takenOver = (mayFollowOthers: boolean): number | undefined =>
      reviveFromSecond({
        at: ambience.wallClock(),
        earlierRunAliveAt: before.earlierRunAliveAt,
        mayFollowOthers,
        sessionTimeoutMs: open.session.sessionTimeoutMs,
      });
    return new Scheduler(role, {
      sender,
      sessionId: open.session.sessionId,
      bus,
      live: new LiveChanges({ bus, limits, context, revives: this.#revives, onDirty, onLoss, onDelivered }),
      bulk: this.bulk,
      news: this.#news,
      delivery: this.#delivery,
      history,
      reviveFrom: (wasPromoted) => {
        if (wasPromoted) this.#noteOthers();
        return takenOver(before.mayFollowOthers || wasPromoted);
      },
      restateFrom: this.#revives ? takenOver(false) : undefined,
      ambience,
      logger,
    });
  }

  /** Whoever led before us left tombstones that we know nothing of; what it had sent may still be on its way. */
  #noteOthers(): void {
    const { open, pipe, context } = this.#parts;
    context.tombstones.noteOthersUntil((pipe.ambience.wallClock() + open.session.sessionTimeoutMs) / 1000);
  }

  #makeHeartbeat(): Heartbeat {
    const { open, pipe, counters, onHeartbeat } = this.#parts;
    return new Heartbeat({
      sender: pipe.sender,
      session: open.session,
      askedAt: open.askedAt,
      ambience: pipe.ambience,
      canRealtime: () => this.#scheduler.hasPolled,
      onFailure: (error) => counters.fail(error),
      onAnswer: (answer, sentAt, recovered) => {
        if (recovered) this.#delivery.wake();
        pipe.store.noteHeartbeat?.(pipe.ambience.wallClock());
        onHeartbeat(answer);
        this.bulk.scans.add(answer.commands.filter(({ type }) => type === "scan"));
        if (answer.role !== this.#scheduler.role) pipe.store.noteTookOver?.(false);
        this.#scheduler.setRole(answer.role);
        if (answer.snapshotNeeded) this.#scheduler.requestSnapshot(sentAt);
      },
    });
  }

  #lost(reason: string): void {
    this.#parts.counters.changesLost++;
    this.#scheduler.lostChanges(reason);
  }

  /** Only paths leave tombstones. */
  get #revives(): boolean {
    return this.#parts.pipe.source.schema === "fs";
  }
}
