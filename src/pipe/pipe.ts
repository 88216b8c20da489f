/**
 * Keeps one far side's picture of one source true: gets a session, keeps it alive, sends live changes and snapshots, starts over
 * when the session is lost, and stops in order.
 *
 * The pipe ends neither its sender, nor its bus, nor its source: who made them closes them after `run` resolved.
 */

import type { BusBatch } from "../bus/event-bus.ts";
import {
  type Acknowledgement,
  describeError,
  type HeartbeatAnswer,
  isFustorError,
  type Role,
  type SourceAvailability,
} from "../sdk/index.ts";
import type { ParcelLimits } from "./activities/parcel.ts";
import { RealtimeActivity } from "./activities/realtime.ts";
import { SnapshotActivity } from "./activities/snapshot.ts";
import type { BackoffSettings } from "./backoff.ts";
import { CommandQueue } from "./commands.ts";
import { Delivery } from "./delivery.ts";
import { EnvelopeBuilder } from "./envelope-builder.ts";
import { FieldMapper } from "./field-mapper.ts";
import { Heartbeat } from "./heartbeat.ts";
import { History } from "./history.ts";
import { Lane } from "./lane.ts";
import type { PipeParts } from "./pipe-options.ts";
import { describePhase, nextPipePhase, type PipeEvent, type PipePhase } from "./pipe-state.ts";
import type { PipeStatus } from "./pipe-status.ts";
import { RevivalSet } from "./revival.ts";
import { type OpenSession, SessionKeeper, shortId } from "./session-keeper.ts";
import type { Shipment, ShipmentContext } from "./shipment.ts";
import { TouchedKeys } from "./touched-keys.ts";

export interface StopOptions {
  /** How long what is queued may still be sent. Closing the session takes up to 5 s on top. Default 5 s. */
  readonly deadlineMs?: number;
}

const SKEW_WARNING_MS = 60_000;
/** Pushes are repeated sooner than sessions are asked for: the far side is known to be there. */
const FIRST_PUSH_RETRY_MS = 1_000;
const LONGEST_PUSH_RETRY_MS = 10_000;

/** How a session ended. */
type SessionEnd =
  | { readonly kind: "stopped" }
  /** `isGhost`: the far side may still hold it. */
  | { readonly kind: "lost"; readonly reason: string; readonly isGhost: boolean }
  | { readonly kind: "broke"; readonly error: unknown };

interface Serving {
  readonly open: OpenSession;
  readonly abort: AbortController;
  readonly lane: Lane;
  readonly snapshot: SnapshotActivity;
  readonly delivery: Delivery;
}

export class Pipe {
  readonly #parts: PipeParts;
  readonly #limits: ParcelLimits;
  readonly #connectBackoff: BackoffSettings;
  readonly #pushBackoff: BackoffSettings;
  readonly #keeper: SessionKeeper;
  readonly #history = new History();
  readonly #builder: EnvelopeBuilder;
  readonly #context: ShipmentContext;
  readonly #commands: CommandQueue;
  readonly #stopping = new AbortController();
  #phase: PipePhase = { kind: "stopped" };
  #serving: Serving | undefined;
  #openSession: OpenSession | undefined;
  #heartbeat: Heartbeat | undefined;
  #running: Promise<void> | undefined;
  #stopDeadlineMs = 5_000;
  readonly #rowsSent = { message: 0, snapshot: 0 };
  #batchesSent = 0;
  #failures = 0;
  #poisonRows = 0;
  #changesLost = 0;
  #lastError: string | undefined;
  #lagMs: number | undefined;
  #clockSkewMs: number | undefined;
  #warnedOfSkew = false;

  constructor(parts: PipeParts) {
    this.#parts = parts;
    const { settings, source, ambience, logger } = parts;
    this.#limits = { events: settings.batchEvents, eventRows: settings.eventRows, bytes: settings.batchBytes };
    this.#connectBackoff = {
      firstMs: settings.errorRetryIntervalMs,
      multiplier: settings.backoffMultiplier,
      maxMs: settings.maxBackoffMs,
      maxConsecutiveErrors: settings.maxConsecutiveErrors,
    };
    this.#pushBackoff = {
      ...this.#connectBackoff,
      firstMs: Math.min(settings.errorRetryIntervalMs, FIRST_PUSH_RETRY_MS),
      maxMs: Math.min(settings.maxBackoffMs, LONGEST_PUSH_RETRY_MS),
    };
    const mapper = new FieldMapper(settings.fieldsMapping, (target) =>
      logger.warn({ target }, "a target of fields_mapping lies below one that holds a plain value: it is left out"),
    );
    this.#builder = new EnvelopeBuilder({
      schema: source.schema,
      table: source.table,
      fields: source.fields,
      mapper,
      eventRows: settings.eventRows,
      wallClock: () => ambience.wallClock(),
      suggestSnapshot: () => this.#role === "leader" && !this.#history.isComplete,
    });
    this.#context = {
      builder: this.#builder,
      revival: new RevivalSet(),
      touched: new TouchedKeys(),
      onRows: (phase, rows) => {
        this.#rowsSent[phase] += rows;
      },
    };
    this.#commands = new CommandQueue(parts.commands, logger);
    this.#keeper = this.#makeKeeper();
  }

  /** Starts, once. Resolves when the pipe has stopped; never rejects. */
  run(): Promise<void> {
    this.#running ??= this.#run();
    return this.#running;
  }

  /** Sends what is queued if the far side answers, closes the session and ends `run`. Idempotent. */
  async stop(options: StopOptions = {}): Promise<void> {
    if (!this.#stopping.signal.aborted) {
      this.#stopDeadlineMs = options.deadlineMs ?? this.#stopDeadlineMs;
      this.#apply({ kind: "stop" });
      this.#stopping.abort();
      this.#serving?.lane.drain();
    }
    await this.#running;
  }

  status(): PipeStatus {
    this.#refreshSource();
    const { settings, bus } = this.#parts;
    const phase = this.#phase;
    const snapshot = this.#serving?.snapshot;
    const progress = snapshot?.progress ?? { rows: 0 };
    const sessionId = "sessionId" in phase ? phase.sessionId : undefined;
    const optional = {
      role: this.#role,
      session: sessionId === undefined ? undefined : shortId(sessionId),
      snapshotExpectedRows: progress.expectedRows,
      lastError: this.#lastError,
      lagMs: this.#lagMs,
      clockSkewMs: this.#clockSkewMs,
    };
    return {
      id: settings.id,
      ...describePhase(phase),
      snapshot: snapshot?.state ?? "none",
      snapshotRows: progress.rows,
      rowsSent: { ...this.#rowsSent },
      batchesSent: this.#batchesSent,
      failures: this.#failures,
      poisonRows: this.#poisonRows,
      changesLost: this.#changesLost,
      backlog: bus.backlog,
      committedIndex: this.#history.committedIndex,
      ...withoutUndefined(optional),
    };
  }

  get #role(): Role | undefined {
    return "role" in this.#phase ? this.#phase.role : undefined;
  }

  async #run(): Promise<void> {
    const { source, logger } = this.#parts;
    this.#apply({ kind: "start" });
    const stopListening = source.onAvailability((availability) => this.#onAvailability(availability));
    try {
      while (!this.#stopping.signal.aborted) await this.#oneSession();
    } catch (error) {
      logger.error({}, `the pipe broke: ${describeError(error)}`);
      this.#lastError = describeError(error);
      this.#apply({ kind: "broke", reason: describeError(error) });
    } finally {
      stopListening();
    }
    if (this.#openSession !== undefined) await this.#keeper.close(this.#openSession.session.sessionId);
    this.#openSession = undefined;
    this.#apply({ kind: "stopped" });
  }

  async #oneSession(): Promise<void> {
    const stop = this.#stopping.signal;
    const open = await this.#keeper.connect(stop);
    if (open === undefined) return;
    this.#openSession = open;
    this.#refreshSource();
    const { sessionId, role } = open.session;
    this.#apply({ kind: "session_created", sessionId, role });
    this.#parts.logger.info({ session: shortId(sessionId), role }, "session created");
    const end = await this.#serve(open);
    this.#parts.bus.rewind();
    if (end.kind === "stopped") return;
    const reason = end.kind === "lost" ? end.reason : describeError(end.error);
    this.#parts.logger.warn({ session: shortId(sessionId) }, `the session is given up: ${reason}`);
    this.#apply({ kind: "session_lost", reason });
    if (end.kind === "broke" || end.isGhost) {
      // It may still be open: whoever stops or connects next closes it.
      if (end.kind === "broke") await this.#keeper.broke(open, end.error, stop);
      else await this.#keeper.lost(open, true, stop);
      return;
    }
    this.#openSession = undefined;
    await this.#keeper.lost(open, false, stop);
  }

  /** Heartbeat and lane side by side until one of them ends. */
  async #serve(open: OpenSession): Promise<SessionEnd> {
    const abort = new AbortController();
    const serving = this.#makeServing(open, abort);
    this.#serving = serving;
    const heartbeat = this.#makeHeartbeat(serving);
    this.#heartbeat = heartbeat;
    const tasks = [serving.lane.run(abort.signal), heartbeat.run(abort.signal)];
    const onStop = (): void => {
      cancelDeadline = this.#parts.ambience.setTimer(this.#stopDeadlineMs, () => abort.abort());
    };
    let cancelDeadline = (): void => undefined;
    this.#stopping.signal.addEventListener("abort", onStop);
    if (this.#stopping.signal.aborted) {
      serving.lane.drain();
      onStop();
    }
    // Only how the first one ends counts: the other is cancelled because of it.
    const first = await Promise.race(tasks).then(
      (): SessionEnd => ({ kind: "stopped" }),
      (error: unknown) => this.#endOf(error),
    );
    abort.abort();
    await Promise.allSettled(tasks);
    this.#stopping.signal.removeEventListener("abort", onStop);
    cancelDeadline();
    this.#serving = undefined;
    return first;
  }

  #endOf(error: unknown): SessionEnd {
    if (isFustorError(error, "FUSTOR_SESSION_LOST")) {
      return { kind: "lost", reason: error.message, isGhost: error.details.expired === true };
    }
    if (this.#stopping.signal.aborted) return { kind: "stopped" };
    this.#countFailure(error);
    return { kind: "broke", error };
  }

  #makeKeeper(): SessionKeeper {
    const { settings, source, sender, memory, ambience, logger } = this.#parts;
    const { taskId, sessionTimeoutSeconds } = settings;
    return new SessionKeeper({
      sender,
      memory,
      ambience,
      logger,
      backoff: this.#connectBackoff,
      request: {
        taskId,
        sourceType: source.schema,
        sourceUri: source.uri,
        ...(sessionTimeoutSeconds === undefined ? {} : { sessionTimeoutSeconds }),
      },
      onFailure: (error, failure) => {
        this.#countFailure(error);
        this.#apply({ kind: "connect_failed", ...failure });
      },
      onRetry: () => this.#apply({ kind: "retry" }),
    });
  }

  #makeServing(open: OpenSession, abort: AbortController): Serving {
    const { sender, source, bus, ambience, logger } = this.#parts;
    const { sessionId, role } = open.session;
    const revives = source.schema === "fs";
    const limits = this.#limits;
    const context = this.#context;
    const delivery = new Delivery({
      sender,
      sessionId,
      ambience,
      logger,
      backoff: this.#pushBackoff,
      isSessionFresh: () => this.#heartbeat?.isFresh() ?? false,
      onFailure: (error) => this.#countFailure(error),
      onAnswer: (shipment, answer, sentAt) => this.#onAcknowledged(shipment, answer, sentAt),
      onPoison: (row) => {
        this.#poisonRows++;
        this.#parts.onPoison?.(row);
      },
    });
    const realtime = new RealtimeActivity({
      bus,
      limits,
      context,
      revives,
      onLoss: (reason) => {
        this.#changesLost++;
        lane.lostChanges(reason);
      },
      onDelivered: (batch) => this.#onDelivered(batch),
    });
    const snapshot = new SnapshotActivity({
      source,
      limits,
      context,
      revives,
      ambience,
      logger,
      builder: this.#builder,
      backoff: this.#connectBackoff,
      index: () => bus.committedIndex,
      onComplete: () => {
        this.#history.complete();
        logger.info({ rows: snapshot.progress.rows }, "the snapshot is complete");
      },
    });
    const lane: Lane = new Lane(role, {
      sender,
      sessionId,
      bus,
      realtime,
      snapshot,
      delivery,
      ambience,
      logger,
      history: this.#history,
    });
    return { open, abort, lane, snapshot, delivery };
  }

  #makeHeartbeat({ open, lane, delivery }: Serving): Heartbeat {
    const { sender, ambience } = this.#parts;
    return new Heartbeat({
      sender,
      ambience,
      session: open.session,
      askedAt: open.askedAt,
      canRealtime: () => lane.hasPolled,
      onFailure: (error) => this.#countFailure(error),
      onAnswer: (answer, sentAt, recovered) => {
        if (recovered) delivery.wake();
        this.#onHeartbeat(lane, answer, sentAt);
      },
    });
  }

  #onHeartbeat(lane: Lane, answer: HeartbeatAnswer, sentAt: number): void {
    if (answer.role !== this.#role) {
      this.#parts.logger.info({ role: answer.role }, "the role changed");
      this.#apply({ kind: "role_changed", role: answer.role });
    }
    lane.setRole(answer.role);
    if (answer.snapshotNeeded) lane.requestSnapshot(sentAt);
    this.#commands.add(answer.commands);
    this.#noteSkew(answer.clockSkewMs);
    this.#refreshSource();
  }

  #onAcknowledged(_shipment: Shipment, answer: Acknowledgement, sentAt: number): void {
    this.#batchesSent++;
    if (answer.snapshotNeeded) this.#serving?.lane.requestSnapshot(sentAt);
    this.#refreshSource();
  }

  #onDelivered(batch: BusBatch): void {
    this.#history.committed(batch.indexes.at(-1) ?? -1);
    this.#lagMs = Math.round(batch.lagMs + this.#parts.ambience.now() - batch.enteredAt);
    this.#serving?.lane.delivered(batch);
  }

  #noteSkew(skewMs: number | undefined): void {
    if (skewMs === undefined) return;
    this.#clockSkewMs = skewMs;
    if (this.#warnedOfSkew || Math.abs(skewMs) <= SKEW_WARNING_MS) return;
    this.#warnedOfSkew = true;
    const seconds = Math.round(skewMs / 1000);
    this.#parts.logger.warn({ seconds }, "the far side's clock differs from ours by more than a minute");
  }

  #onAvailability(availability: SourceAvailability): void {
    this.#refreshSource();
    if (availability.state === "available") this.#serving?.snapshot.wake();
  }

  /** What keeps the source from delivering, as far as anybody says. */
  #refreshSource(): void {
    const { source, bus } = this.#parts;
    const { availability } = source.status();
    const feed = bus.feed;
    let trouble: string | undefined;
    if (availability.state === "unavailable") trouble = availability.reason;
    else if (feed.state === "failed") trouble = `the live stream of the source ended: ${feed.reason}`;
    else if (availability.state === "starting") trouble = "the source is starting";
    else trouble = this.#serving?.snapshot.trouble;
    this.#apply({ kind: "source_changed", trouble });
  }

  #countFailure(error: unknown): void {
    this.#failures++;
    this.#lastError = describeError(error);
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
