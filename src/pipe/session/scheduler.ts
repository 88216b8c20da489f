/**
 * What a session sends next: live changes and rows in bulk, one work item at a time.
 *
 * Live changes go first. Rows in bulk (a scan that the receiver asked for, else the snapshot, else an audit or a
 * rescan) fill the capacity that is left: after an item of live changes that emptied the bus, or after
 * {@link LIVE_IN_A_ROW} full ones, so that a stream that never pauses delays a snapshot but cannot starve it. An item
 * that fails is repeated before anything else is sent.
 */

import type { BusSubscription } from "../../sdk/event-bus.ts";
import { describeError, isFustorError, type Logger, type SenderDriver } from "../../sdk/index.ts";
import type { Signal } from "../../sdk/signal.ts";
import { boundedCall, linkedTo } from "../bounded-call.ts";
import type { BulkJobs } from "../bulk/bulk-jobs.ts";
import type { Ambience } from "../pipe-options.ts";
import type { Completeness } from "../receiver/completeness.ts";
import type { Delivery } from "../send/delivery.ts";
import type { LiveChanges } from "../send/live.ts";
import type { WorkItem } from "../send/work-item.ts";
import type { Emit } from "./session-events.ts";
import type { ResumptionState } from "./session-parts.ts";
import { roleOf, type SessionState } from "./session-state.ts";

const LIVE_IN_A_ROW = 4;
/** For the question how far the receiver is; it is not worth more waiting. */
const POSITION_MS = 10_000;

export interface SchedulerParts {
  readonly sender: SenderDriver;
  readonly sessionId: string;
  readonly bus: BusSubscription;
  readonly live: LiveChanges;
  readonly bulk: BulkJobs;
  /** Raised when something may be sent that could not a moment ago. */
  readonly news: Signal;
  readonly delivery: Delivery;
  readonly history: Completeness;
  readonly resumption: ResumptionState;
  readonly plan: { readonly state: SessionState };
  readonly emit: Emit;
  readonly ambience: Ambience;
  readonly logger: Logger;
}

export class Scheduler {
  readonly #parts: SchedulerParts;
  #hasPolled = false;
  #hasDrained = false;
  #liveInARow = 0;

  constructor(parts: SchedulerParts) {
    this.#parts = parts;
  }

  /** The stream was polled at least once in this session. */
  get hasPolled(): boolean {
    return this.#hasPolled;
  }

  /** `run` ended because nothing was queued any more. */
  get hasDrained(): boolean {
    return this.#hasDrained;
  }

  /**
   * Resolves when the session drains and nothing is queued any more; rejects with FUSTOR_SESSION_LOST or
   * FUSTOR_ABORTED. Nothing is in flight afterwards. While it drains the first failure ends it, too. What comes
   * meanwhile is sent as well: the last row of a path that another agent reports, too, must not be an old one.
   */
  async run(signal: AbortSignal): Promise<void> {
    try {
      await this.#start(signal);
      for (let goesOn = true; goesOn; ) goesOn = await this.#turn(signal);
      this.#hasDrained = true;
    } catch (error) {
      // While draining any other trouble is an ordinary end.
      if (!this.#isDraining || isFustorError(error, "FUSTOR_SESSION_LOST")) throw error;
      this.#parts.logger.warn(
        { backlog: this.#parts.bus.backlog },
        `what is queued was not sent: ${describeError(error)}`,
      );
    } finally {
      await this.#parts.bulk.close();
    }
  }

  async #start(signal: AbortSignal): Promise<void> {
    const { bus, history, resumption, emit } = this.#parts;
    const position = await this.#committedIndex(signal);
    const { positionLost, position: begin } = bus.start(position ?? -1, history.startPosition);
    const isHeld = resumption === "held" && bus.isWhole;
    const checkpoint = begin === undefined ? undefined : { position: begin, index: bus.committedIndex };
    history.started(resumption === "none" ? positionLost : !isHeld, checkpoint);
    emit({ kind: "position known", holdsHistory: isHeld || history.isHeldAt(position) });
    emit({ kind: "stream started" });
  }

  /** False when the session drains and nothing is left. */
  async #turn(signal: AbortSignal): Promise<boolean> {
    signal.throwIfAborted();
    if (this.#owesSnapshot) {
      const position = await this.#committedIndex(signal);
      this.#parts.emit({ kind: "position known", holdsHistory: this.#parts.history.isHeldAt(position) });
    }
    const item = this.#nextItem();
    if (item !== undefined) await this.#deliver(item, signal);
    else if (this.#isDraining) return false;
    else await this.#somethingToDo(signal);
    return true;
  }

  get #isDraining(): boolean {
    return this.#parts.plan.state.kind === "draining";
  }

  get #owesSnapshot(): boolean {
    const { state } = this.#parts.plan;
    return state.kind === "leading" && state.snapshot === "owed";
  }

  #nextItem(): WorkItem | undefined {
    const { bus, live } = this.#parts;
    const bulksTurn = this.#liveInARow > 0 && (bus.isEmpty || this.#liveInARow >= LIVE_IN_A_ROW);
    if (bulksTurn) {
      this.#liveInARow = 0;
      const item = this.#nextBulk();
      if (item !== undefined) return item;
    }
    const item = live.next();
    this.#hasPolled = true;
    if (item === undefined) return this.#nextBulk();
    this.#liveInARow++;
    return item;
  }

  #nextBulk(): WorkItem | undefined {
    return this.#parts.bulk.next(roleOf(this.#parts.plan.state));
  }

  async #deliver(item: WorkItem, signal: AbortSignal): Promise<void> {
    let delivered = false;
    try {
      delivered = await this.#parts.delivery.deliver(item.batches, { signal, isCancelled: item.isCancelled });
    } finally {
      if (delivered) item.delivered();
      else item.abandoned();
    }
  }

  async #committedIndex(signal: AbortSignal): Promise<number | undefined> {
    const { sender, sessionId, ambience, logger } = this.#parts;
    try {
      return await boundedCall(ambience, { boundMs: POSITION_MS, signal }, (bound) =>
        sender.getLatestCommittedIndex(sessionId, { signal: bound }),
      );
    } catch (error) {
      signal.throwIfAborted();
      if (isFustorError(error, "FUSTOR_SESSION_LOST")) throw error;
      logger.warn({}, `the receiver does not say how far it has come: ${describeError(error)}`);
      return undefined;
    }
  }

  #somethingToDo(signal: AbortSignal): Promise<void> {
    return linkedTo(signal, async (over) => {
      const { bus, news } = this.#parts;
      await Promise.race([bus.readable(over.signal), news.wait(over.signal)]);
      over.abort();
    });
  }
}
