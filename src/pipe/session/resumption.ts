/**
 * Whether this run goes on where the run before left the receiver, and whether the next run may go on where this one
 * leaves it (docs/decisions/0014-restarts-that-send-the-difference.md says what has to be known for that).
 */
import type { Logger, Session, SourceDriver } from "../../sdk/index.ts";
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

/** What a pipe knows of its receiver when a session was stopped. */
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

  constructor(parts: ResumptionParts) {
    this.#parts = parts;
  }

  /** Once, before the first session: what the run before left is forgotten on disk by it. */
  async recall(): Promise<void> {
    const { source, store } = this.#parts;
    const left = await store.takeLeft?.().catch(() => undefined);
    if (left?.generation === source.resumedFrom) this.#left = left;
  }

  /** The session of the run before, which the first session of this run asks to go on from. */
  get earlierSession(): string | undefined {
    return this.#left?.session;
  }

  /** A source that goes on from an earlier run says nothing of its history to a receiver that was not left there. */
  stateFor({ role, resumed }: Session, isFirst: boolean): ResumptionState {
    if (this.#parts.source.resumedFrom === undefined) return "none";
    return this.#left !== undefined && isFirst && role === "leader" && resumed === true ? "held" : "refused";
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
    if (this.#leaves !== undefined) await this.#parts.store.noteLeft?.(this.#leaves);
  }
}

/** Why the receiver may lack something of what was reported, or hold something of others; undefined = neither. */
function doubtAfter(session: StoppedSession, receiver: ReceiverFacts): string | undefined {
  if (!session.hasDelivered || !receiver.isComplete || receiver.dirtyDirectories > 0)
    return "the receiver did not accept everything before the stop";
  if (!session.hasTakenOver) return "this agent did not lead, or an audit after its take-over was still to come";
  return receiver.mayHoldOthers ? "another agent may have sent deletes" : undefined;
}
