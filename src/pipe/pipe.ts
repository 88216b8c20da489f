/**
 * Keeps one receiver's picture of one source true: gets a session, serves it until it is lost, starts over, and stops
 * in order.
 *
 * The pipe ends neither its sender, nor its bus, nor its source: who made them closes them after `run` resolved.
 */
import { DirtyDirectories, MOST_DIRTY } from "../bus/dirty-directories.ts";
import {
  describeError,
  type HeartbeatAnswer,
  omitUndefined,
  type Role,
  type SourceAvailability,
  shortId,
} from "../sdk/index.ts";
import type { BackoffSettings } from "./backoff.ts";
import { Superseded } from "./bulk/superseded.ts";
import { builderOf } from "./encode/builder-of.ts";
import { PipeCounters } from "./pipe-counters.ts";
import type { LeftState, PipeParts } from "./pipe-options.ts";
import { describePhase, nextPipePhase, type PipeEvent, type PipePhase, sourceTrouble } from "./pipe-state.ts";
import type { PipeStatus } from "./pipe-status.ts";
import { Completeness } from "./receiver/completeness.ts";
import { Tombstones } from "./receiver/tombstones.ts";
import type { BatchContext } from "./send/batch.ts";
import { BatchLimits } from "./send/batch-limits.ts";
import { ClockSkew } from "./session/clock-skew.ts";
import { Connector, type OpenSession } from "./session/connector.ts";
import { EarlierRun } from "./session/earlier-run.ts";
import { pipeReport } from "./session/pipe-report.ts";
import { type SessionEnd, SessionRun } from "./session/session.ts";
import type { SessionEvent } from "./session/session-events.ts";
import type { Resumption } from "./session/session-parts.ts";

export interface StopOptions {
  /** How long what is queued may still be sent. Closing the session takes up to 2.5 s on top. Default 5 s. */
  readonly deadlineMs?: number;
  /** What the source calls that which it has reported: it is at rest, and reports no more (SourceDriver.freeze). */
  readonly generation?: string;
}

const DEFAULT_DEADLINE_MS = 5_000;

export class Pipe {
  readonly #parts: PipeParts;
  readonly #backoff: BackoffSettings;
  readonly #connector: Connector;
  readonly #history = new Completeness();
  readonly #counters = new PipeCounters();
  readonly #superseded = new Superseded();
  readonly #dirty = new DirtyDirectories(MOST_DIRTY);
  readonly #earlier = new EarlierRun();
  readonly #skew: ClockSkew;
  readonly #context: BatchContext;
  readonly #limits: BatchLimits;
  readonly #stopping = new AbortController();
  #phase: PipePhase = { kind: "stopped" };
  /** The session being served. */
  #session: SessionRun | undefined;
  /** To be closed when the pipe stops. */
  #open: OpenSession | undefined;
  #running: Promise<void> | undefined;
  /** Sessions served so far. */
  #sessions = 0;
  #deadlineMs = DEFAULT_DEADLINE_MS;
  /** Where the run before left the receiver, if the source goes on from there. */
  #left: LeftState | undefined;
  /** Of the stop. */
  #generation: string | undefined;
  /** The session that was stopped left everything of this generation accepted. */
  #leaves: LeftState | undefined;

  constructor(parts: PipeParts) {
    this.#parts = parts;
    this.#skew = new ClockSkew(parts.logger);
    const { settings } = parts;
    this.#backoff = {
      firstMs: settings.errorRetryIntervalMs,
      multiplier: settings.backoffMultiplier,
      maxMs: settings.maxBackoffMs,
      maxConsecutiveErrors: settings.maxConsecutiveErrors,
    };
    const { batchEvents: events, eventRows, batchBytes: bytes } = settings;
    this.#limits = new BatchLimits({ events, eventRows, bytes }, () => parts.ambience.now());
    this.#context = {
      builder: builderOf(parts, () => this.#role === "leader" && !this.#history.isComplete),
      tombstones: new Tombstones(undefined, parts.store.deleted),
      superseded: this.#superseded,
      onRows: (phase, rows) => {
        this.#counters.rowsSent[phase] += rows;
      },
    };
    this.#connector = this.#makeConnector();
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
      this.#generation = options.generation;
      this.#apply({ kind: "stop" });
      this.#stopping.abort();
      this.#session?.stop(this.#deadlineMs);
    }
    await this.#running;
  }

  status(): PipeStatus {
    this.#refreshSource();
    return pipeReport({
      parts: this.#parts,
      phase: this.#phase,
      counters: this.#counters,
      session: this.#session,
      committedIndex: this.#history.committedIndex,
      dirtyDirectories: this.#dirty.size,
      clockSkewMs: this.#skew.ms,
    });
  }

  get #role(): Role | undefined {
    return "role" in this.#phase ? this.#phase.role : undefined;
  }

  async #run(): Promise<void> {
    const { source, logger } = this.#parts;
    this.#apply({ kind: "start" });
    const stopListening = source.onAvailability((availability) => this.#onAvailability(availability));
    try {
      await this.#earlier.recall(this.#parts.store, this.#context.tombstones, logger);
      const left = await this.#parts.store.takeLeft?.().catch(() => undefined);
      if (left?.generation === source.resumedFrom) this.#left = left;
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
    if (this.#leaves !== undefined) await this.#parts.store.noteLeft?.(this.#leaves);
    this.#apply({ kind: "stopped" });
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
      resumption: this.#resumptionOf(open),
      before: this.#earlier.before(this.#sessions++),
    };
    this.#session = new SessionRun(makings, (event) => this.#onSessionEvent(event));
    this.#refreshSource();
    if (this.#stopping.signal.aborted) this.#session.stop(this.#deadlineMs);
    const end = await this.#session.run();
    if (this.#session.bulk.snapshot.state === "complete") this.#earlier.settle();
    if (end.kind === "stopped") this.#leaves = this.#leftBy(this.#session, open);
    this.#session = undefined;
    return end;
  }

  /** A source that goes on from an earlier run says nothing of its history to a receiver that was not left there. */
  #resumptionOf({ session }: OpenSession): Resumption {
    if (this.#parts.source.resumedFrom === undefined) return "none";
    const isHeld = this.#left !== undefined && this.#sessions === 0 && session.role === "leader";
    return isHeld && session.resumed === true ? "held" : "refused";
  }

  /** Undefined unless the receiver holds all that the source has reported, and nothing of others. */
  #leftBy(session: SessionRun, { session: { sessionId } }: OpenSession): LeftState | undefined {
    if (this.#generation === undefined) return undefined;
    const doubt = this.#doubtAfter(session);
    if (doubt === undefined) return { session: sessionId, generation: this.#generation };
    this.#parts.logger.info({}, `the next start sends everything: ${doubt}`);
    return undefined;
  }

  #doubtAfter(session: SessionRun): string | undefined {
    if (!session.hasDelivered || !this.#history.isComplete || this.#dirty.size > 0)
      return "the receiver did not accept everything before the stop";
    if (!session.hasTakenOver) return "this agent did not lead, or an audit after its take-over was still to come";
    return this.#context.tombstones.mayHoldOthers ? "another agent may have sent deletes" : undefined;
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

  #makeConnector(): Connector {
    const { settings, source, sender, store, ambience, logger } = this.#parts;
    const { taskId, sessionTimeoutSeconds } = settings;
    return new Connector({
      sender,
      store,
      ambience,
      logger,
      backoff: this.#backoff,
      request: () =>
        omitUndefined({
          taskId,
          sourceType: source.schema,
          sourceUri: source.uri,
          sessionTimeoutSeconds,
          resumes: this.#sessions === 0 ? this.#left?.session : undefined,
        }),
      onFailure: (error, failure) => {
        this.#counters.fail(error);
        this.#apply({ kind: "connect_failed", ...failure });
      },
      onRetry: () => this.#apply({ kind: "retry" }),
    });
  }

  #onSessionEvent(event: SessionEvent): void {
    if (event.kind === "heartbeat answered") this.#onHeartbeat(event.answer);
    if (event.kind === "snapshot complete" || event.kind === "restated") this.#earlier.settle();
  }

  #onHeartbeat(answer: HeartbeatAnswer): void {
    if (answer.role !== this.#role) {
      this.#parts.logger.info({ role: answer.role }, "the role changed");
      this.#apply({ kind: "role_changed", role: answer.role });
    }
    this.#skew.note(answer.clockSkewMs);
    this.#refreshSource();
  }

  #onAvailability(availability: SourceAvailability): void {
    this.#refreshSource();
    if (availability.state !== "available") return;
    this.#session?.bulk.wake();
  }

  /** What keeps the source from delivering, as far as it says so itself. */
  #refreshSource(): void {
    // Not after the end: the source may be closed by then.
    if (!("source" in this.#phase)) return;
    const { source, bus } = this.#parts;
    const trouble = sourceTrouble(source.status().availability, bus.feed) ?? this.#session?.bulk.snapshot.trouble;
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
