/**
 * One session from its creation to its end: heartbeat and scheduler side by side, until one of them ends.
 *
 * Whatever happens in it is an event. An event is written down where it counts, then `nextStep` says what follows from
 * it, and that is carried out. An event that comes meanwhile waits for its turn.
 */
import { isFustorError } from "../../sdk/index.ts";
import type { BulkJobs } from "../bulk/bulk-jobs.ts";
import type { SnapshotCommand } from "../pipe-status.ts";
import { noteOthers, perform } from "./perform.ts";
import { mayHaveTombstones } from "./predecessors.ts";
import type { Emit, SessionEvent } from "./session-events.ts";
import { makeSession, type SessionMakings, type SessionParts } from "./session-parts.ts";
import { firstState, isSending, nextStep, type SessionState } from "./session-state.ts";

/** How a session ended. */
export type SessionEnd =
  | { readonly kind: "stopped" }
  /** `isGhost`: the receiver may still hold it. */
  | { readonly kind: "lost"; readonly reason: string; readonly isGhost: boolean }
  /** A defect of ours or of a driver. */
  | { readonly kind: "broke"; readonly error: unknown };

export class SessionRun {
  readonly #makings: SessionMakings;
  readonly #parts: SessionParts;
  readonly #plan: { state: SessionState };
  readonly #emit: Emit;
  /** The pipe hears of each event, too. */
  readonly #onEvent: Emit;
  readonly #abort = new AbortController();
  readonly #events: SessionEvent[] = [];
  #isBusy = false;
  #cancelDeadline: () => void = () => undefined;

  constructor(makings: SessionMakings, onEvent: Emit) {
    this.#makings = makings;
    this.#onEvent = onEvent;
    this.#plan = { state: firstState(makings.open.session.role) };
    this.#emit = (event) => this.#handle(event);
    this.#parts = makeSession(makings, this.#plan, this.#emit);
    if (mayHaveTombstones(makings.open, makings.before)) noteOthers(makings);
  }

  get bulk(): BulkJobs {
    return this.#parts.bulk;
  }

  /** It ended with nothing queued, and its snapshot had ended. */
  get hasDelivered(): boolean {
    return this.#parts.scheduler.hasDrained && this.bulk.snapshot.state === "complete";
  }

  /**
   * Its receiver holds everything that a snapshot would bring: one ended in this time as a leader, and no directories are
   * being told again.
   */
  get hasSnapshot(): boolean {
    const { snapshot, rescan } = this.bulk;
    return snapshot.hasEnded && snapshot.state === "complete" && rescan.telling === 0;
  }

  /** It led, and had sent every audit that its take-over asked for. */
  get hasTakenOver(): boolean {
    return this.#parts.bulk.audit.hasTakenOver;
  }

  /** Rows in bulk wait for live changes at the moment. */
  get isBulkPaused(): boolean {
    return this.#parts.gate.isPaused;
  }

  /** Once. Resolves when nothing of the session is in flight any more. Never rejects. */
  async run(): Promise<SessionEnd> {
    const { signal } = this.#abort;
    const { scheduler, heartbeat, sentinel, gate } = this.#parts;
    const rounds = sentinel.run(signal);
    const tasks = [scheduler.run(signal), heartbeat.run(signal)];
    // Only how the first one ends counts: the other is cancelled because of it.
    const end = await Promise.race(tasks).then(
      (): SessionEnd => ({ kind: "stopped" }),
      (error: unknown): SessionEnd => this.#endOf(error),
    );
    this.#abort.abort();
    await Promise.allSettled([...tasks, rounds]);
    this.#cancelDeadline();
    gate.close();
    return end;
  }

  /** Begins a snapshot of everything, because an operator asks for one. Says why not, undefined when it has begun. */
  snapshotNow(): "no leader" | "runs already" | undefined {
    if (!isSending(this.#plan.state)) return "no leader";
    if (["running", "paused"].includes(this.bulk.snapshot.state)) return "runs already";
    this.#emit({ kind: "snapshot granted" });
    return undefined;
  }

  /** An operator has a say in the snapshot that runs. False when none does, or none is paused that could go on. */
  commandSnapshot(command: SnapshotCommand): boolean {
    const { state } = this.bulk.snapshot;
    if (state !== "paused" && (state !== "running" || command === "resume")) return false;
    this.#emit({ kind: "snapshot command", command });
    return true;
  }

  /** Has the leader ask for suspects now. False when it cannot. */
  sentinelNow(): boolean {
    return this.#parts.sentinel.now();
  }

  /** A batch that waits to be sent again goes now. */
  wake(): void {
    this.#parts.delivery.wake();
  }

  /** False when it is about to end. */
  resend(directories: readonly string[]): boolean {
    this.#handle({ kind: "directories asked for", directories });
    return this.#plan.state.kind !== "draining";
  }

  /** Ends `run` when what is queued was sent, at the first failure, or at the deadline. */
  stop(deadlineMs: number): void {
    this.#handle({ kind: "stop" });
    this.#cancelDeadline = this.#makings.pipe.ambience.setTimer(deadlineMs, () => this.#abort.abort());
  }

  #endOf(error: unknown): SessionEnd {
    if (isFustorError(error, "FUSTOR_SESSION_LOST")) {
      return { kind: "lost", reason: error.message, isGhost: error.details.expired === true };
    }
    return this.#plan.state.kind === "draining" ? { kind: "stopped" } : { kind: "broke", error };
  }

  #handle(event: SessionEvent): void {
    this.#events.push(event);
    if (this.#isBusy) return;
    this.#isBusy = true;
    try {
      for (let next = this.#events.shift(); next !== undefined; next = this.#events.shift()) this.#step(next);
    } finally {
      this.#isBusy = false;
    }
  }

  #step(event: SessionEvent): void {
    this.#record(event);
    this.#onEvent(event);
    const { state, actions } = nextStep(this.#plan.state, event);
    this.#plan.state = state;
    const tools = { makings: this.#makings, parts: this.#parts, emit: this.#emit };
    for (const action of actions) perform(action, tools);
    if (actions.length > 0) this.#parts.news.raise();
  }

  /** What is counted, remembered and logged of an event. */
  #record(event: SessionEvent): void {
    const { pipe, history, counters, dirty } = this.#makings;
    const { store, ambience, logger } = pipe;
    const { pace, gate } = this.#parts;
    switch (event.kind) {
      case "heartbeat answered":
        store.noteHeartbeat?.(ambience.wallClock());
        return;
      case "batch accepted":
        counters.pipe.batchesSent++;
        if (event.batch.phase === "message") pace.noteLive(event.tookMs);
        else pace.noteBulk(event.batch.sizeBytes(), event.tookMs);
        return;
      case "call failed":
        counters.fail(event.error);
        return;
      case "row refused":
        counters.pipe.poisonRows++;
        pipe.onPoison?.(event.row);
        return;
      case "changes delivered":
        // Directories that are still to be read again hold changes from before it.
        history.committed(event.batch.indexes.at(-1) ?? -1, dirty.size > 0 ? undefined : event.batch.position);
        counters.delivered(event.batch, ambience.now());
        gate.note(counters.lagMs ?? 0);
        return;
      case "changes lost":
        counters.pipe.changesLost++;
        logger.warn({}, `changes were lost, a snapshot has to repair it: ${event.reason}`);
        return;
      case "snapshot complete":
        history.complete();
        store.noteSnapshot?.(event.rows);
        logger.info({ rows: event.rows }, "the snapshot is complete");
        return;
      case "took over":
        store.noteTookOver?.(true);
        return;
    }
  }
}
