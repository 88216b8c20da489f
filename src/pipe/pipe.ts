/**
 * Keeps one receiver's picture of one source true: gets a session, serves it until it is lost, starts over, and stops
 * in order.
 *
 * The pipe ends neither its sender, nor its bus, nor its source: who made them closes them after `run` resolved.
 */
import {
  describeError,
  type HeartbeatAnswer,
  omitUndefined,
  type Role,
  type SourceAvailability,
  shortId,
} from "../sdk/index.ts";
import type { PipeParts, StopOptions } from "./pipe-options.ts";
import { describePhase, nextPipePhase, type PipeEvent, type PipePhase, sourceTrouble } from "./pipe-state.ts";
import type { PipeStatus, SnapshotCommand } from "./pipe-status.ts";
import { ClockSkew } from "./session/clock-skew.ts";
import { Connector, type OpenSession } from "./session/connector.ts";
import { EarlierRun } from "./session/earlier-run.ts";
import { type KeptParts, keptParts } from "./session/kept-parts.ts";
import { pipeReport } from "./session/pipe-report.ts";
import { type ReceiverFacts, Resumption } from "./session/resumption.ts";
import { type SessionEnd, SessionRun } from "./session/session.ts";
import { type SessionEvent, tellsOfLack } from "./session/session-events.ts";

const DEFAULT_DEADLINE_MS = 5_000;

export class Pipe {
  readonly #parts: PipeParts;
  readonly #connector: Connector;
  readonly #kept: KeptParts;
  readonly #earlier = new EarlierRun();
  readonly #resumption: Resumption;
  readonly #skew: ClockSkew;
  readonly #stopping = new AbortController();
  #phase: PipePhase = { kind: "stopped" };
  #phaseSince = 0;
  /** The session being served. */
  #session: SessionRun | undefined;
  /** To be closed when the pipe stops. */
  #open: OpenSession | undefined;
  #running: Promise<void> | undefined;
  /** Sessions served so far. */
  #sessions = 0;
  #deadlineMs = DEFAULT_DEADLINE_MS;

  constructor(parts: PipeParts) {
    this.#parts = parts;
    this.#skew = new ClockSkew(parts.logger);
    this.#resumption = new Resumption(parts);
    this.#kept = keptParts(parts, () => this.#role === "leader");
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
      this.#resumption.stopAt(options.generation);
      this.#apply({ kind: "stop" });
      this.#stopping.abort();
      this.#session?.stop(this.#deadlineMs);
    }
    await this.#running;
  }

  /** Why no snapshot began; undefined when one did. */
  snapshotNow = (): "no leader" | "runs already" | undefined =>
    this.#session === undefined ? "no leader" : this.#session.snapshotNow();

  /** False when no snapshot runs, or none is paused that could go on. */
  commandSnapshot = (command: SnapshotCommand): boolean => this.#session?.commandSnapshot(command) ?? false;

  /** False when there is no leader that could look. */
  sentinelNow = (): boolean => this.#session?.sentinelNow() ?? false;

  /** Tells directories and their children again, and the receiver drops what else it holds there. False: no session. */
  resend = (directories: readonly string[]): boolean => this.#session?.resend(directories) ?? false;

  status(): PipeStatus {
    this.#refreshSource();
    return pipeReport({
      parts: this.#parts,
      phase: this.#phase,
      phaseSince: this.#phaseSince,
      counters: this.#kept.counters,
      session: this.#session,
      committedIndex: this.#kept.history.committedIndex,
      dirtyDirectories: this.#kept.dirty.size,
      clockSkewMs: this.#skew.ms,
    });
  }

  get #role(): Role | undefined {
    return "role" in this.#phase ? this.#phase.role : undefined;
  }

  async #run(): Promise<void> {
    const { source, store, logger } = this.#parts;
    this.#apply({ kind: "start" });
    const stopListening = source.onAvailability((availability) => this.#onAvailability(availability));
    try {
      await this.#earlier.recall(store, this.#kept.context.tombstones, logger);
      await this.#resumption.recall();
      this.#kept.history.recall(await store.checkpoint?.().catch(() => undefined));
      while (!this.#stopping.signal.aborted) await this.#oneSession();
    } catch (error) {
      logger.error({}, `the pipe broke: ${describeError(error)}`);
      this.#kept.counters.fail(error);
      this.#apply({ kind: "broke", reason: describeError(error) });
    } finally {
      stopListening();
    }
    if (this.#open !== undefined) await this.#connector.close(this.#open.session.sessionId);
    await this.#resumption.remember();
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
      ...this.#kept,
      open,
      pipe: this.#parts,
      resumption: this.#resumption.stateFor(open.session, this.#sessions === 0),
      before: this.#earlier.before(this.#sessions++),
    };
    this.#session = new SessionRun(makings, (event) => this.#onSessionEvent(event));
    this.#refreshSource();
    if (this.#stopping.signal.aborted) this.#session.stop(this.#deadlineMs);
    const end = await this.#session.run();
    if (this.#session.bulk.snapshot.state === "complete") this.#earlier.settle();
    if (end.kind === "stopped") this.#resumption.noteStopped(this.#session, open.session.sessionId, this.#receiver);
    this.#session = undefined;
    return end;
  }

  get #receiver(): ReceiverFacts {
    const { history, dirty, context } = this.#kept;
    const { mayHoldOthers } = context.tombstones;
    return { isComplete: history.isComplete, dirtyDirectories: dirty.size, mayHoldOthers };
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
    return new Connector({
      sender,
      store,
      ambience,
      logger,
      backoff: this.#kept.connectBackoff,
      request: () =>
        omitUndefined({
          taskId: settings.taskId,
          sourceType: source.schema,
          sourceUri: source.uri,
          sessionTimeoutSeconds: settings.sessionTimeoutSeconds,
          resumes: this.#sessions === 0 ? this.#resumption.earlierSession : undefined,
        }),
      onFailure: (error, failure) => {
        this.#kept.counters.fail(error);
        this.#apply({ kind: "connect_failed", ...failure });
      },
      onRetry: () => this.#apply({ kind: "retry" }),
    });
  }

  #onSessionEvent(event: SessionEvent): void {
    if (event.kind === "heartbeat answered") this.#onHeartbeat(event.answer);
    if (event.kind === "snapshot complete" || event.kind === "restated") this.#earlier.settle();
    if (this.#session === undefined || !("sessionId" in this.#phase) || tellsOfLack(event)) return;
    this.#resumption.noteAt(this.#session, this.#phase, this.#receiver, this.#parts.bus.reached);
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
    if (availability.state === "available") this.#session?.bulk.wake();
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
    if (next.kind !== this.#phase.kind) this.#phaseSince = this.#parts.ambience.now();
    this.#phase = next;
    const { state, info } = describePhase(next);
    this.#parts.logger.debug({ state }, info);
    this.#parts.onState?.(state, info);
  }
}
