import { randomBytes, randomUUID } from "node:crypto";
import {
  type Acknowledgement,
  type CallOptions,
  describeError,
  type Envelope,
  type HeartbeatAnswer,
  type HeartbeatRequest,
  isFustorError,
  type Logger,
  type SenderDriver,
  type SenderDriverContext,
  type Session,
  type SessionRequest,
} from "fustor-agent/sdk";
import { Attachment, type TopicSettings } from "./attachment.ts";
import { Cluster } from "./cluster.ts";
import { aborted, busy, conflict, isFenced, kafkaFailure, sessionLost } from "./failures.ts";
import { keepLeft, type Left, takeLeft } from "./left.ts";
import { type CallBound, Link } from "./link.ts";
import { Mirror } from "./mirror.ts";
import { type Passes, Push } from "./push.ts";
import { type KafkaSettings, topicSettings } from "./settings.ts";

/** Of the time of a call, after which a push that has more to do says so. */
const SHARE = 0.6;

/**
 * Keeps a compacted topic equal to what the source holds. There is no receiver that arbitrates: this driver knows what
 * the topic holds by reading it (mirror.ts), and writes the difference. docs/decisions/0025-kafka-topics.md says why.
 */
export class KafkaSender implements SenderDriver {
  readonly #context: SenderDriverContext;
  readonly #settings: KafkaSettings;
  readonly #logger: Logger;
  /** When it began, and something of its own: names this run in each record. The later one of two wins. */
  readonly #writer = `${Date.now().toString(36)}-${randomBytes(3).toString("hex")}`;
  #topic: TopicSettings | undefined;
  #attachment: Attachment | undefined;
  /** Heartbeats never wait behind a batch. */
  #lane: Link | undefined;
  #mirror: Mirror | undefined;
  #passes: Passes = { snapshot: "none", audit: false };
  #session = "";
  /** The topic holds everything up to `#index`. */
  #isComplete = false;
  #index = 0;
  #pushes = 0;
  #isPushing = false;
  /** Another run has taken the topic. */
  #yielded = false;
  #bytesSent = 0;

  constructor(context: SenderDriverContext, settings: KafkaSettings) {
    this.#context = context;
    this.#settings = settings;
    this.#logger = context.logger;
  }

  get bytesSent(): number {
    return this.#bytesSent;
  }

  async createSession(request: SessionRequest, { signal }: CallOptions): Promise<Session> {
    return this.#guarded("createSession", signal, async (bound) => {
      if (this.#yielded)
        throw conflict(`${this.#place()}: another agent writes to it; start this one again to take it over`);
      this.#topic ??= topicSettings(this.#settings, request.taskId);
      this.#session = "";
      this.#detach();
      const ends = await this.#attach(bound, true);
      const left = await takeLeft(this.#context.files, this.#logger);
      const isResumed = this.#takeUp(left, ends) && left?.session === request.resumes;
      this.#passes = { snapshot: "none", audit: false };
      this.#pushes = 0;
      this.#session = randomUUID();
      const seconds = request.sessionTimeoutSeconds ?? this.#settings.params.session_timeout_seconds;
      const session: Session = { sessionId: this.#session, role: "leader", sessionTimeoutMs: seconds * 1000 };
      return isResumed ? { ...session, resumed: true } : session;
    });
  }

  async getLatestCommittedIndex(_sessionId: string, { signal }: CallOptions): Promise<number | undefined> {
    if (signal.aborted) throw aborted("getLatestCommittedIndex");
    return this.#isComplete ? this.#index : undefined;
  }

  /** Looks whether the topic is what this session left it. */
  async heartbeat(sessionId: string, _request: HeartbeatRequest, { signal }: CallOptions): Promise<HeartbeatAnswer> {
    if (signal.aborted) throw aborted("heartbeat");
    this.#demandCurrent(sessionId);
    const { settings, mirror } = this.#opened();
    const pushes = this.#pushes;
    const isQuiet = (): boolean => !this.#isPushing && pushes === this.#pushes && this.#attachment !== undefined;
    const wasQuiet = isQuiet();
    this.#lane ??= new Link(settings.link);
    const cluster = new Cluster(this.#lane, settings.link.place);
    try {
      const bound = this.#bound(signal);
      const topic = await cluster.topic(settings.topic, bound);
      if (topic === undefined || topic.id !== mirror.topic.id || topic.leaders.length !== mirror.topic.leaders.length) {
        throw this.#forget("the topic was made anew, or has other partitions");
      }
      const ends = await cluster.ends(topic, bound);
      const isSame = ends.every((end, partition) => end === mirror.ends[partition]);
      if (wasQuiet && isQuiet() && !isSame) {
        this.#isComplete = false;
        throw sessionLost(`${settings.link.place}: there are records that this session did not write`);
      }
    } catch (error) {
      this.#lane?.close();
      this.#lane = undefined;
      throw kafkaFailure(settings.link.place, error);
    }
    return { role: "leader", commands: [], snapshotNeeded: false };
  }

  async push(sessionId: string, envelope: Envelope, { signal }: CallOptions): Promise<Acknowledgement> {
    if (signal.aborted) throw aborted("push");
    this.#demandCurrent(sessionId);
    this.#isPushing = true;
    try {
      await this.#guarded("push", signal, (bound) => this.#push(envelope, bound));
    } finally {
      this.#isPushing = false;
      this.#pushes++;
    }
    return { snapshotNeeded: false };
  }

  /** What was left is taken up by the next run, if nothing was written meanwhile. */
  async closeSession(sessionId: string, { signal }: CallOptions): Promise<void> {
    if (signal.aborted) throw aborted("closeSession");
    if (sessionId !== this.#session) return;
    this.#session = "";
    const { mirror } = this.#opened();
    if (!this.#isComplete || this.#attachment === undefined || this.#isPushing) return;
    const left = { session: sessionId, topicId: mirror.topic.id, ends: mirror.ends.map(String), index: this.#index };
    await keepLeft(this.#context.files, left);
  }

  async close(): Promise<void> {
    this.#session = "";
    this.#detach();
    this.#lane?.close();
    this.#lane = undefined;
  }

  async #push(envelope: Envelope, bound: CallBound): Promise<void> {
    const until = performance.now() + this.#settings.timeoutMs * SHARE;
    if (this.#attachment?.isFresh !== true) await this.#attach(bound, false);
    const { attachment, mirror } = this.#opened();
    if (attachment === undefined) throw aborted("push");
    const parts = { attachment, mirror, passes: this.#passes, writer: this.#writer, bound, until };
    const push = new Push({ ...parts, keyField: this.#settings.params.key_field });
    try {
      if (!mirror.isRead) await this.#read(attachment, mirror, bound, until);
      if (!this.#settings.params.delete_other_records) mirror.demandOwn(this.#place());
      await push.dropStrays();
      await push.run(envelope, this.#index);
    } finally {
      this.#bytesSent += push.bytesSent;
    }
    for (const { index } of envelope.events) this.#index = Math.max(this.#index, index);
    if (envelope.isEnd && envelope.sourceType === "snapshot") this.#isComplete = true;
  }

  async #read(attachment: Attachment, mirror: Mirror, bound: CallBound, until: number): Promise<void> {
    const isWhole = await mirror.read(attachment.cluster, attachment.topic, bound, until);
    if (!isWhole) throw busy(`the topic is still being read, ${mirror.left} records are left`);
    const others = mirror.takeOthers();
    if (others.length === 0) return;
    const beganAt = (writer: string): number => Number.parseInt(writer, 36) || 0;
    if (others.some((other) => beganAt(other) > beganAt(this.#writer))) this.#yielded = true;
    // A snapshot makes up for what they wrote. It may be under way to this session already.
    if (!this.#yielded && !this.#isComplete && this.#pushes === 0) return;
    this.#isComplete = false;
    throw sessionLost(`${this.#place()}: another writer has been there`);
  }

  /** Becomes the one producer of the topic. Returns where it ends. */
  async #attach(bound: CallBound, isNewSession: boolean): Promise<readonly bigint[]> {
    const settings = this.#topic;
    if (settings === undefined) throw sessionLost("there is no session");
    this.#detach();
    const attachment = await Attachment.open(settings, bound);
    try {
      const ends = await attachment.cluster.ends(attachment.topic, bound);
      if (this.#mirror?.fits(attachment.topic, ends) === true) this.#mirror.aim(ends);
      else if (!isNewSession) throw this.#forget("the topic was made anew, or has other partitions");
      else {
        const begins = await attachment.cluster.begins(attachment.topic, bound);
        this.#mirror = new Mirror(attachment.topic, begins, ends, this.#writer);
        this.#isComplete = false;
      }
      this.#attachment = attachment;
      return ends;
    } catch (error) {
      attachment.close();
      throw error;
    }
  }

  /** True: the topic is exactly what the run before left. */
  #takeUp(left: Left | undefined, ends: readonly bigint[]): boolean {
    if (left === undefined || left.topicId !== this.#mirror?.topic.id) return false;
    if (left.ends.length !== ends.length || ends.some((end, at) => String(end) !== left.ends[at])) return false;
    this.#isComplete = true;
    this.#index = Math.max(this.#index, left.index);
    return true;
  }

  #forget(why: string): Error {
    this.#mirror = undefined;
    this.#isComplete = false;
    this.#session = "";
    return sessionLost(`${this.#place()}: ${why}`);
  }

  #detach(): void {
    this.#attachment?.close();
    this.#attachment = undefined;
  }

  /** After any failure but a refusal the producer is of no more use: what it had on its way may still be written. */
  async #guarded<T>(what: string, signal: AbortSignal, work: (bound: CallBound) => Promise<T>): Promise<T> {
    if (signal.aborted) throw aborted(what);
    try {
      return await work(this.#bound(signal));
    } catch (error) {
      if (isFenced(error)) {
        this.#yielded = true;
        this.#isComplete = false;
        this.#logger.error({}, `${this.#place()}: another agent has taken it over; one agent may write to a topic`);
      }
      const isHarmless = ["FUSTOR_BATCH_REFUSED", "FUSTOR_SENDER_BUSY"].some(
        (code) => isFustorError(error) && error.code === code,
      );
      if (!isHarmless) this.#detach();
      if (signal.aborted) throw aborted(what);
      throw this.#yielded && isFenced(error) ? sessionLost(describeError(error)) : kafkaFailure(this.#place(), error);
    }
  }

  #bound(signal: AbortSignal): CallBound {
    return { signal, deadline: performance.now() + this.#settings.timeoutMs };
  }

  #demandCurrent(sessionId: string): void {
    if (sessionId === "" || sessionId !== this.#session) throw sessionLost("the session is over");
  }

  #opened() {
    if (this.#topic === undefined || this.#mirror === undefined) throw sessionLost("there is no session");
    return { settings: this.#topic, mirror: this.#mirror, attachment: this.#attachment };
  }

  #place(): string {
    return this.#topic?.link.place ?? this.#settings.uri;
  }
}
