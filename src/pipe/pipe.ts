/**
 * Keeps one receiver's picture of one source true: gets a session, serves it until it is lost, starts over, and stops
 * in order.
 *
 * The pipe ends neither its sender, nor its bus, nor its source: who made them closes them after `run` resolved.
 */
import { DirtyDirectories, MOST_DIRTY } from "../bus/dirty-directories.ts";
import { describeError, type HeartbeatAnswer, type Role, type SourceAvailability, shortId } from "../sdk/index.ts";
import type { BackoffSettings } from "./backoff.ts";
import { Superseded } from "./bulk/superseded.ts";
import { EnvelopeBuilder } from "./encode/envelope-builder.ts";
import { FieldMapper } from "./encode/field-mapper.ts";
import { PipeCounters } from "./pipe-counters.ts";
import type { PipeParts } from "./pipe-options.ts";
import { describePhase, nextPipePhase, type PipeEvent, type PipePhase } from "./pipe-state.ts";
import type { AuditStatus, PipeStatus, RescanStatus } from "./pipe-status.ts";
import { Completeness } from "./receiver/completeness.ts";
import { Tombstones } from "./receiver/tombstones.ts";
import type { BatchContext } from "./send/batch.ts";
import { BatchLimits } from "./send/batch-limits.ts";
import { Connector, type OpenSession } from "./session/connector.ts";
import { type SessionEnd, SessionRun } from "./session/session.ts";
import type { SessionEvent } from "./session/session-events.ts";

export interface StopOptions {
  /** How long what is queued may still be sent. Closing the session takes up to 2.5 s on top. Default 5 s. */
  readonly deadlineMs?: number;
}

const DEFAULT_DEADLINE_MS = 5_000;
const SKEW_WARNING_MS = 60_000;

export class Pipe {
  readonly #parts: PipeParts;
  readonly #backoff: BackoffSettings;
  readonly #connector: Connector;
  readonly #history = new Completeness();
  readonly #counters = new PipeCounters();
  readonly #superseded = new Superseded();
  readonly #dirty = new DirtyDirectories(MOST_DIRTY);
  readonly #builder: EnvelopeBuilder;
  readonly #context: BatchContext;
  readonly #limits: BatchLimits;
  readonly #stopping = new AbortController();
  #phase: PipePhase = { kind: "stopped" };
  /** The session being served. */
  #session: SessionRun | undefined;
  /** To be closed when the pipe stops. */
  #open: OpenSession | undefined;
  #running: Promise<void> | undefined;
  #earlierRunAliveAt: number | undefined;
  #stoppedRunAliveAt: number | undefined;
  /** Sessions served so far. */
  #sessions = 0;
  #deadlineMs = DEFAULT_DEADLINE_MS;
  #clockSkewMs: number | undefined;
  #warnedOfSkew = false;

  constructor(parts: PipeParts) {
    this.#parts = parts;
    const { settings } = parts;
    this.#backoff = {
      firstMs: settings.errorRetryIntervalMs,
      multiplier: settings.backoffMultiplier,
      maxMs: settings.maxBackoffMs,
      maxConsecutiveErrors: settings.maxConsecutiveErrors,
    };
    const { batchEvents: events, eventRows, batchBytes: bytes } = settings;
    this.#limits = new BatchLimits({ events, eventRows, bytes }, () => parts.ambience.now());
    this.#builder = this.#makeBuilder();
    this.#context = {
      builder: this.#builder,
      tombstones: new Tombstones(undefined, parts.store.deleted),
      superseded: this.#superseded,
      onRows: (phase, rows) => {
        this.#counters.rowsSent[phase] += rows;
      },
    };
    this.#connector = this.#makeKeeper();
  }

  /** Starts, once. Resolves when the pipe has stopped; never rejects. */
  run(): Promise<void> {
    this.#running ??= this.#run();
    return this.#running;
  }

  /** What waits after a failure is tried again now. */
  wake(): void {
    this.#connector.wake();
    this.#session?.wake();
  }

  /** Sends what is queued if the receiver answers, closes the session and ends `run`. Idempotent. */
  async stop(options: StopOptions = {}): Promise<void> {
    if (!this.#stopping.signal.aborted) {
      this.#deadlineMs = options.deadlineMs ?? DEFAULT_DEADLINE_MS;
      this.#apply({ kind: "stop" });
      this.#stopping.abort();
      this.#session?.stop(this.#deadlineMs);
    }
    await this.#running;
  }

  status(): PipeStatus {
    this.#refreshSource();
    const { settings, bus } = this.#parts;
    const { rowsSent, batchesSent, failures, poisonRows, changesLost, lastError, lagMs } = this.#counters;
    const phase = this.#phase;
    const snapshot = this.#session?.bulk.snapshot;
    const progress = snapshot?.progress ?? { rows: 0 };
    const sessionId = "sessionId" in phase ? phase.sessionId : undefined;
    return {
      id: settings.id,
      ...describePhase(phase),
      snapshot: snapshot?.state ?? "none",
      snapshotRows: progress.rows,
      audit: this.#auditStatus(),
      sentinel: { ...this.#counters.sentinel },
      scans: { ...this.#counters.scans },
      rescans: this.#rescanStatus(),
      rowsSent: { ...rowsSent },
      batchesSent,
      failures,
      poisonRows,
      changesLost,
      backlog: bus.backlog,
      committedIndex: this.#history.committedIndex,
      ...withoutUndefined({
        role: this.#role,
        session: sessionId === undefined ? undefined : shortId(sessionId),
        snapshotExpectedRows: progress.expectedRows ?? this.#parts.store.lastSnapshotRows?.(),
        snapshotRowsPerSecond: snapshot?.pace?.rowsPerSecond,
        snapshotEtaMs: snapshot?.pace?.etaMs,
        snapshotPaused: snapshot?.state === "running" && this.#session?.isBulkPaused === true ? true : undefined,
        bytesSent: this.#parts.sender.bytesSent,
        lastError,
        lagMs,
        clockSkewMs: this.#clockSkewMs,
      }),
    };
  }

  #auditStatus(): AuditStatus {
    const { runs, cutShort, lastCompleteAt } = this.#counters.audit;
    const state = this.#session?.bulk.audit.state ?? "off";
    if (lastCompleteAt === undefined) return { state, runs, cutShort };
    return { state, lastCompleteAgoMs: Math.round(this.#parts.ambience.now() - lastCompleteAt), runs, cutShort };
  }

  #rescanStatus(): RescanStatus {
    const pending = (this.#session?.bulk.rescan.telling ?? 0) + this.#dirty.size;
    const idle = pending > 0 ? "waiting" : "none";
    return { state: this.#session?.bulk.rescan.state ?? idle, ...this.#counters.rescans, pending };
  }

  get #role(): Role | undefined {
    return "role" in this.#phase ? this.#phase.role : undefined;
  }

  async #run(): Promise<void> {
    const { source, logger } = this.#parts;
    this.#apply({ kind: "start" });
    const stopListening = source.onAvailability((availability) => this.#onAvailability(availability));
    try {
      await this.#recall();
      while (!this.#stopping.signal.aborted) await this.#oneSession();
    } catch (error) {
      logger.error({}, `the pipe broke: ${describeError(error)}`);
      this.#counters.fail(error);
      this.#apply({ kind: "broke", reason: describeError(error) });
    } finally {
      stopListening();
    }
    if (this.#open !== undefined) await this.#connector.close(this.#open.session.sessionId);
    this.#open = undefined;
    this.#apply({ kind: "stopped" });
  }

  /** What earlier runs left behind, before anything is written over it. */
  async #recall(): Promise<void> {
    const { store, logger } = this.#parts;
    const knowsDeletes = await this.#context.tombstones.load();
    if (!knowsDeletes)
      logger.warn({}, "the paths that earlier runs deleted are not known: young entries are revived instead");
    // A session that ended in order is forgotten; its deletes were all remembered.
    const crashed = (await store.rememberedSession().catch(() => undefined)) !== undefined;
    const alive = await store.lastGoodHeartbeat?.().catch(() => undefined);
    const stoppedInOrder = !crashed && knowsDeletes;
    this.#earlierRunAliveAt = stoppedInOrder ? undefined : alive;
    const tookOver = (await store.tookOver?.().catch(() => false)) ?? false;
    this.#stoppedRunAliveAt = stoppedInOrder && tookOver ? alive : undefined;
  }

  async #oneSession(): Promise<void> {
    const open = await this.#connector.connect(this.#stopping.signal);
    if (open === undefined) return;
    this.#open = open;
    const { sessionId, role } = open.session;
    this.#apply({ kind: "session_created", sessionId, role });
    this.#parts.logger.info({ session: shortId(sessionId), role }, "session created");
    const end = await this.#serve(open);
    this.#parts.bus.rewind();
    if (end.kind !== "stopped") await this.#afterSession(open, end);
  }

  async #serve(open: OpenSession): Promise<SessionEnd> {
    this.#parts.store.noteTookOver?.(false);
    const makings = {
      open,
      pipe: this.#parts,
      limits: this.#limits,
      context: this.#context,
      superseded: this.#superseded,
      dirty: this.#dirty,
      history: this.#history,
      counters: this.#counters,
      connectBackoff: this.#backoff,
      before: {
        earlierRunAliveAt: this.#earlierRunAliveAt,
        stoppedRunAliveAt: this.#stoppedRunAliveAt,
        mayFollowOthers: this.#sessions++ > 0,
      },
    };
    this.#session = new SessionRun(makings, (event) => this.#onSessionEvent(event));
    this.#refreshSource();
    if (this.#stopping.signal.aborted) this.#session.stop(this.#deadlineMs);
    const end = await this.#session.run();
    if (this.#session.bulk.snapshot.state === "complete") this.#earlierRunAliveAt = undefined;
    this.#session = undefined;
    return end;
  }

  /** The pause before the next session. One that may still be open is closed by the next connect or stop. */
  async #afterSession(open: OpenSession, end: Exclude<SessionEnd, { kind: "stopped" }>): Promise<void> {
    const reason = end.kind === "lost" ? end.reason : describeError(end.error);
    this.#parts.logger.warn({ session: shortId(open.session.sessionId) }, `the session is given up: ${reason}`);
    this.#apply({ kind: "session_lost", reason });
    const stop = this.#stopping.signal;
    if (end.kind === "broke") {
      await this.#connector.broke(open, end.error, stop);
      return;
    }
    if (!end.isGhost) this.#open = undefined;
    await this.#connector.lost(open, end.isGhost, stop);
  }

  #makeBuilder(): EnvelopeBuilder {
    const { settings, source, ambience, logger, compileMapping } = this.#parts;
    const mapper = new FieldMapper(settings.fieldsMapping, (target) =>
      logger.warn({ target }, "a target of fields_mapping lies below one that holds a plain value: it is left out"),
    );
    return new EnvelopeBuilder({
      schema: source.schema,
      table: source.table,
      fields: source.fields,
      mapper,
      ...(compileMapping === undefined ? {} : { compileMapping }),
      eventRows: settings.eventRows,
      wallClock: () => ambience.wallClock(),
      suggestSnapshot: () => this.#role === "leader" && !this.#history.isComplete,
    });
  }

  #makeKeeper(): Connector {
    const { settings, source, sender, store, ambience, logger } = this.#parts;
    const { taskId, sessionTimeoutSeconds } = settings;
    return new Connector({
      sender,
      store,
      ambience,
      logger,
      backoff: this.#backoff,
      request: {
        taskId,
        sourceType: source.schema,
        sourceUri: source.uri,
        ...(sessionTimeoutSeconds === undefined ? {} : { sessionTimeoutSeconds }),
      },
      onFailure: (error, failure) => {
        this.#counters.fail(error);
        this.#apply({ kind: "connect_failed", ...failure });
      },
      onRetry: () => this.#apply({ kind: "retry" }),
    });
  }

  #onSessionEvent(event: SessionEvent): void {
    if (event.kind === "heartbeat answered") this.#onHeartbeat(event.answer);
    // What the run before may have left behind was put right.
    if (event.kind === "snapshot complete" || event.kind === "restated") this.#earlierRunAliveAt = undefined;
  }

  #onHeartbeat(answer: HeartbeatAnswer): void {
    if (answer.role !== this.#role) {
      this.#parts.logger.info({ role: answer.role }, "the role changed");
      this.#apply({ kind: "role_changed", role: answer.role });
    }
    this.#noteSkew(answer.clockSkewMs);
    this.#refreshSource();
  }

  #noteSkew(skewMs: number | undefined): void {
    if (skewMs === undefined) return;
    this.#clockSkewMs = skewMs;
    if (this.#warnedOfSkew || Math.abs(skewMs) <= SKEW_WARNING_MS) return;
    this.#warnedOfSkew = true;
    const seconds = Math.round(skewMs / 1000);
    this.#parts.logger.warn({ seconds }, "the receiver's clock differs from ours by more than a minute");
  }

  #onAvailability(availability: SourceAvailability): void {
    this.#refreshSource();
    if (availability.state !== "available") return;
    this.#session?.bulk.wake();
  }

  /** What keeps the source from delivering, as far as anybody says. */
  #refreshSource(): void {
    // Not after the end: the source may be closed by then.
    if (!("source" in this.#phase)) return;
    const { source, bus } = this.#parts;
    const { availability } = source.status();
    const { feed } = bus;
    let trouble: string | undefined;
    if (availability.state === "unavailable") trouble = availability.reason;
    else if (feed.state === "failed") trouble = `the live stream of the source ended: ${feed.reason}`;
    else if (availability.state === "starting") trouble = "the source is starting";
    else trouble = this.#session?.bulk.snapshot.trouble;
    this.#apply({ kind: "source_changed", trouble });
  }

  #apply(event: PipeEvent): void {
    const next = nextPipePhase(this.#phase, event);
    if (next === this.#phase) return;
    this.#phase = next;
    const { state, info } = describePhase(next);
    this.#parts.logger.debug({ state }, info);
  }
}

type Present<T> = { readonly [K in keyof T]?: Exclude<T[K], undefined> };

function withoutUndefined<T extends object>(members: T): Present<T> {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined)) as Present<T>;
}
