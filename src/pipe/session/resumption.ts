/**
 * Whether this run goes on where the run before left the receiver, and whether the next run may go on where this one
 * leaves it (docs/decisions/0014-restarts-that-send-the-difference.md says what has to be known for that).
 */
import {
  describeError,
  type Logger,
  omitUndefined,
  type Role,
  type Session,
  type SourceDriver,
} from "../../sdk/index.ts";
import type { LeftState, PipeStore } from "../../sdk/state-store.ts";
import type { SessionRun } from "./session.ts";
import type { ResumptionState } from "./session-parts.ts";

export interface ResumptionParts {
  readonly source: SourceDriver;
  readonly store: PipeStore;
  readonly logger: Logger;
}

/** How a session ended that was stopped. */
export type StoppedSession = Pick<SessionRun, "hasDelivered" | "hasTakenOver">;

/** A session that goes on. */
export type RunningSession = Pick<SessionRun, "hasSnapshot" | "hasTakenOver">;

/** Which one it is, and whether it leads. */
export interface SessionSeat {
  readonly sessionId: string | undefined;
  readonly role: Role | undefined;
}

/** What a pipe knows of its receiver. */
export interface ReceiverFacts {
  readonly isComplete: boolean;
  /** Directories whose rows have to be sent again. */
  readonly dirtyDirectories: number;
  /** Another agent may have sent deletes that the receiver remembers. */
  readonly mayHoldOthers: boolean;
}

export class Resumption {
  readonly #parts: ResumptionParts;
  /** Where the run before left the receiver, if the source goes on from there. */
  #left: LeftState | undefined;
  /** What the source calls that which it had reported when it came to rest for the stop. */
  #generation: string | undefined;
  /** The session that was stopped left everything of this generation accepted. */
  #leaves: LeftState | undefined;
  /** What the store holds for a run that follows a kill of this one. */
  #noted: LeftState | undefined;
  /** What was true of the receiver since: when it no longer is, another agent or a loss came between. */
  #was = { complete: false, takenOver: false };

  constructor(parts: ResumptionParts) {
    this.#parts = parts;
  }

  /** Once, before the first session: what the run before left is forgotten on disk by it. */
  async recall(): Promise<void> {
    const { source, store } = this.#parts;
    const left = await store.takeLeft?.().catch(() => undefined);
    const { resumedFrom } = source;
    if (left === undefined || resumedFrom === undefined) return;
    if (left.generation !== resumedFrom && left.earlier !== resumedFrom) return;
    this.#left = left;
    this.#note(left); // killed before it has a session, this run leaves the receiver where the one before did
  }

  /** The session of the run before, which the first session of this run asks to go on from. */
  get earlierSession(): string | undefined {
    return this.#left?.session;
  }

  /** A source that goes on from an earlier run says nothing of its history to a receiver that was not left there. */
  stateFor({ role, resumed, sessionId }: Session, isFirst: boolean): ResumptionState {
    const { resumedFrom } = this.#parts.source;
    if (resumedFrom === undefined) return "none";
    if (this.#left === undefined || !isFirst || role !== "leader" || resumed !== true) {
      if (this.#noted !== undefined) this.#note(undefined);
      return "refused";
    }
    // What this run has sent by then differs from what the source goes on from, and is told again after a kill.
    this.#note({ session: sessionId, generation: resumedFrom });
    return "held";
  }

  /**
   * Something happened in a session that goes on. When the receiver has accepted everything up to a mark of the source,
   * that is noted, and the source is told: a run that follows a kill goes on from there.
   */
  noteAt(session: RunningSession, seat: SessionSeat, receiver: ReceiverFacts, reached: string | undefined): void {
    const { sessionId, role } = seat;
    const was = this.#was;
    const isOver = (was.complete && !receiver.isComplete) || (was.takenOver && !session.hasTakenOver);
    if (isOver || role !== "leader") {
      if (this.#noted !== undefined) this.#note(undefined);
      return;
    }
    this.#was = { complete: receiver.isComplete, takenOver: session.hasTakenOver };
    if (!receiver.isComplete || !session.hasTakenOver || !session.hasSnapshot || receiver.dirtyDirectories > 0) return;
    if (reached === undefined || sessionId === undefined) return;
    const { session: before, generation } = this.#noted ?? {};
    if (before === sessionId && generation === reached) return;
    const earlier = before === sessionId && generation !== undefined ? { earlier: generation } : {};
    this.#note({ session: sessionId, generation: reached, ...earlier });
  }

  /**
   * What goes wrong costs a snapshot at the next start. Of a source that sets no marks nothing is noted: it may name the
   * same state to two runs, and knows nothing of what came and went in the first of them.
   */
  #note(left: LeftState | undefined): void {
    const { store, source, logger } = this.#parts;
    if (source.kept === undefined) return;
    this.#noted = left;
    if (left === undefined) this.#was = { complete: false, takenOver: false };
    if (store.noteLeft === undefined) return;
    store.noteLeft(left).then(
      () => left !== undefined && left === this.#noted && source.kept?.(left.generation),
      (error: unknown) => logger.warn({}, `the next start may send everything: ${describeError(error)}`),
    );
  }

  /** The pipe stops. Undefined = the source did not come to rest, so that no later run can go on from this one. */
  stopAt(generation: string | undefined): void {
    this.#generation = generation;
  }

  /** The stop ended this session: the next run may go on from it if the receiver holds all that was reported. */
  noteStopped(session: StoppedSession, sessionId: string, receiver: ReceiverFacts): void {
    if (this.#generation === undefined) return;
    const doubt = doubtAfter(session, receiver);
    if (doubt === undefined) this.#leaves = { session: sessionId, generation: this.#generation };
    else this.#parts.logger.info({}, `the next start sends everything: ${doubt}`);
  }

  /** Once, after the session was closed. */
  async remember(): Promise<void> {
    const earlier = this.#noted?.generation;
    if (this.#leaves !== undefined) await this.#parts.store.noteLeft?.(omitUndefined({ ...this.#leaves, earlier }));
    else if (this.#noted !== undefined) await this.#parts.store.noteLeft?.(undefined);
  }
}

/** Why the receiver may lack something of what was reported, or hold something of others; undefined = neither. */
function doubtAfter(session: StoppedSession, receiver: ReceiverFacts): string | undefined {
  if (!session.hasDelivered || !receiver.isComplete || receiver.dirtyDirectories > 0)
    return "the receiver did not accept everything before the stop";
  if (!session.hasTakenOver) return "this agent did not lead, or an audit after its take-over was still to come";
  return receiver.mayHoldOthers ? "another agent may have sent deletes" : undefined;
}
