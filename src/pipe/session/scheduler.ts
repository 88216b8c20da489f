/**
 * What a session sends next: live changes and rows in bulk, one work item at a time.
 *
 * Live changes go first. Rows in bulk (a scan that the receiver asked for, else the snapshot, else an audit or a rescan) fill the capacity
 * that is left: after an item of live changes that emptied the bus, or after {@link LIVE_IN_A_ROW} full ones, so that a stream that never
 * pauses delays a snapshot but cannot starve it. An item that fails is repeated before anything else is sent.
 */

import type { BusSubscription } from "../../bus/event-bus.ts";
import type { Signal } from "../../bus/signal.ts";
import { describeError, isFustorError, type Logger, type Role, type SenderDriver } from "../../sdk/index.ts";
import { boundedCall, linkedTo } from "../bounded-call.ts";
import type { BulkJobs } from "../bulk/bulk-jobs.ts";
import type { Ambience } from "../pipe-options.ts";
import type { Completeness } from "../receiver/completeness.ts";
import type { Delivery } from "../send/delivery.ts";
import type { LiveChanges } from "../send/live.ts";
import type { WorkItem } from "../send/work-item.ts";

const LIVE_IN_A_ROW = 4;
/** For the question how far the far side is; it is not worth more waiting. */
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
  /** For the snapshot of a leader that begins now; `wasPromoted`: it was a follower before. */
  readonly reviveFrom: (wasPromoted: boolean) => number | undefined;
  /** What a follower has to tell again of the run before, epoch second of the change time; undefined = nothing. */
  readonly restateFrom: number | undefined;
  readonly ambience: Ambience;
  readonly logger: Logger;
}

export class Scheduler {
  readonly #parts: SchedulerParts;
  #role: Role;
  /** A leader that has not begun its snapshot yet. */
  #owesSnapshot: boolean;
  /** In this session. */
  #wasFollower: boolean;
  #polled = false;
  #liveInARow = 0;
  #draining = false;
  #drained = false;

  constructor(role: Role, parts: SchedulerParts) {
    this.#parts = parts;
    this.#role = role;
    this.#owesSnapshot = role === "leader";
    this.#wasFollower = role === "follower";
  }

  /** The stream was polled at least once in this session. */
  get hasPolled(): boolean {
    return this.#polled;
  }

  get role(): Role {
    return this.#role;
  }

  setRole(role: Role): void {
    if (role === this.#role) return;
    this.#role = role;
    this.#owesSnapshot = role === "leader";
    this.#parts.bulk.rescan.cancel();
    this.#parts.bulk.restatement.cancel();
    if (role === "follower") {
      this.#wasFollower = true;
      this.#parts.bulk.snapshot.cancel();
      this.#parts.bulk.audit.cancel();
      this.#parts.delivery.wake();
    }
    this.#parts.news.raise();
  }

  /** The far side asks for a snapshot, in an answer to a question sent at `askedAt`. */
  requestSnapshot(askedAt: number): void {
    if (this.#role !== "leader" || this.#owesSnapshot || this.#draining) return;
    if (!this.#parts.bulk.snapshot.mayBeginAsked(askedAt, () => this.requestSnapshot(askedAt))) return;
    this.#parts.bulk.snapshot.begin();
    this.#parts.logger.info({}, "the far side asks for a snapshot");
    this.#parts.bulk.audit.cancel();
    this.#parts.bulk.rescan.cancel();
    this.#parts.history.lose();
    this.#parts.news.raise();
  }

  /** A snapshot ended, of everything or of nothing. */
  snapshotEnded(): void {
    if (this.#role === "leader" && !this.#draining) this.#parts.bulk.audit.begin();
  }

  /** Changes are gone for good. */
  lostChanges(reason: string): void {
    this.#parts.logger.warn({}, `changes were lost, a snapshot has to repair it: ${reason}`);
    this.#parts.history.lose();
    if (this.#role !== "leader" || this.#owesSnapshot || this.#draining) return;
    this.#parts.bulk.audit.cancel();
    this.#parts.bulk.rescan.cancel();
    this.#parts.bulk.snapshot.begin();
  }

  /**
   * Sends what is queued until nothing is, and then ends `run`; the first failure ends it too. What comes meanwhile is sent as well: the
   * last word on a path that somebody else reports too must not be an old one.
   */
  drain(): void {
    if (this.#draining) return;
    this.#draining = true;
    this.#owesSnapshot = false;
    this.#parts.bulk.snapshot.cancel();
    this.#parts.bulk.audit.cancel();
    this.#parts.bulk.rescan.cancel();
    this.#parts.bulk.scans.cancel();
    this.#parts.bulk.restatement.cancel();
    this.#parts.delivery.failFast();
    this.#parts.news.raise();
  }

  /** Resolves when drained; rejects with FUSTOR_SESSION_LOST or FUSTOR_ABORTED. Nothing is in flight afterwards. */
  async run(signal: AbortSignal): Promise<void> {
    try {
      const position = await this.#committedIndex(signal);
      const { positionLost } = this.#parts.bus.start(position ?? -1);
      this.#parts.history.started(positionLost);
      this.#beginSnapshot(position);
      this.#beginRestatement();
      while (!this.#drained) await this.#turn(signal);
    } catch (error) {
      // While draining any trouble is the end of it, told apart from an ordinary end by nobody.
      if (!this.#draining || isFustorError(error, "FUSTOR_SESSION_LOST")) throw error;
      this.#parts.logger.warn(
        { backlog: this.#parts.bus.backlog },
        `what is queued was not sent: ${describeError(error)}`,
      );
    } finally {
      await this.#parts.bulk.close();
    }
  }

  async #turn(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (this.#owesSnapshot) this.#beginSnapshot(await this.#committedIndex(signal));
    const item = this.#nextItem();
    if (item !== undefined) await this.#deliver(item, signal);
    else if (this.#draining) this.#drained = true;
    else await this.#somethingToDo(signal);
  }

  #nextItem(): WorkItem | undefined {
    const { bus, live } = this.#parts;
    const bulksTurn = this.#liveInARow > 0 && (bus.isEmpty || this.#liveInARow >= LIVE_IN_A_ROW);
    if (bulksTurn) {
      this.#liveInARow = 0;
      const item = this.#parts.bulk.next(this.#role);
      if (item !== undefined) return item;
    }
    const item = live.next();
    this.#polled = true;
    if (item !== undefined) {
      this.#liveInARow++;
      return item;
    }
    return this.#parts.bulk.next(this.#role);
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

  /** Whoever leads ends one snapshot: of everything, or of nothing when the far side holds the history. */
  #beginSnapshot(committedIndex: number | undefined): void {
    if (!this.#owesSnapshot) return;
    this.#owesSnapshot = false;
    const held = this.#parts.history.isHeldAt(committedIndex);
    if (!held) this.#parts.history.lose();
    this.#parts.logger.info({ full: !held }, held ? "the far side holds the history" : "a snapshot begins");
    this.#parts.bulk.audit.cancel();
    this.#parts.bulk.rescan.cancel();
    if (held) this.#parts.bulk.snapshot.beginEnd();
    else this.#parts.bulk.snapshot.begin(this.#parts.reviveFrom(this.#wasFollower));
  }

  #beginRestatement(): void {
    const { bulk, restateFrom } = this.#parts;
    if (this.#role === "follower" && restateFrom !== undefined && !this.#draining) bulk.restatement.begin(restateFrom);
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
      logger.warn({}, `the far side does not tell how far it is: ${describeError(error)}`);
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
