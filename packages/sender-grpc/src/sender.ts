import {
  type Acknowledgement,
  type CallOptions,
  type Envelope,
  FustorError,
  type HeartbeatAnswer,
  type HeartbeatRequest,
  isFustorError,
  type Logger,
  omitUndefined,
  type Role,
  type SenderDriver,
  type SenderProbe,
  type SentinelTask,
  type SentinelUpdate,
  type Session,
  type SessionRequest,
} from "fustor-agent/sdk";
import { clockSkew, heartbeatOf, indexOf, sessionOf, taskOf } from "./answers.ts";
import { Channel, type GrpcSettings } from "./channel.ts";
import { aborted } from "./failures.ts";
import { type Bounds, SessionStream } from "./session-stream.ts";

/** The receiver digests its queue before it answers the end of an audit. */
const AUDIT_END_GRACE_MS = 30_000;
const SHORTEST_HEARTBEAT_TIMEOUT_MS = 1000;

interface Attached {
  readonly sessionId: string;
  readonly stream: Promise<SessionStream>;
}

/**
 * Sends sessions and batches over gRPC. A session has one stream. When that breaks, the next call attaches a new one to the
 * session, which the receiver holds for as long as its timeout.
 */
export class GrpcSender implements SenderDriver {
  readonly #channel: Channel;
  readonly #logger: Logger;
  readonly #timeoutMs: number;
  #heartbeatTimeoutMs: number;
  #attached: Attached | undefined;
  #role: Role = "follower";
  #bytesSent = 0;
  readonly #streams = new Set<SessionStream>();

  /** Throws FUSTOR_CONFIG_INVALID when the settings cannot work. */
  constructor(settings: GrpcSettings, logger: Logger) {
    try {
      this.#channel = new Channel(settings);
    } catch (cause) {
      const message = `ca_file ${settings.params.ca_file} is of no use: name a PEM file of certificates`;
      throw new FustorError("FUSTOR_CONFIG_INVALID", message, { cause });
    }
    this.#logger = logger;
    this.#timeoutMs = settings.timeoutMs;
    this.#heartbeatTimeoutMs = settings.timeoutMs;
  }

  get bytesSent(): number {
    return this.#bytesSent;
  }

  async createSession(request: SessionRequest, { signal }: CallOptions): Promise<Session> {
    if (signal.aborted) throw aborted("createSession");
    this.#leave();
    const seconds =
      request.sessionTimeoutSeconds === undefined ? undefined : Math.max(1, Math.round(request.sessionTimeoutSeconds));
    const { taskId, sourceType, sourceUri, resumes } = request;
    const value = omitUndefined({ taskId, sourceType, sourceUri, resumes, sessionTimeoutSeconds: seconds });
    const stream = this.#newStream();
    try {
      const opened = await stream.ask("open", { case: "open", value }, "opened", this.#bounds(signal));
      const session = sessionOf(opened, this.#channel.address, seconds);
      const third = Math.max(session.sessionTimeoutMs / 3, SHORTEST_HEARTBEAT_TIMEOUT_MS);
      this.#heartbeatTimeoutMs = Math.min(this.#timeoutMs, Math.ceil(third));
      this.#role = session.role;
      this.#attached = { sessionId: session.sessionId, stream: Promise.resolve(stream) };
      return session;
    } catch (error) {
      stream.cancel();
      throw error;
    }
  }

  async getLatestCommittedIndex(sessionId: string, { signal }: CallOptions): Promise<number | undefined> {
    const stream = await this.#streamOf(sessionId, "getLatestCommittedIndex", signal);
    const { index } = await stream.ask("position", { case: "position", value: {} }, "position", this.#bounds(signal));
    return indexOf(index);
  }

  async heartbeat(sessionId: string, request: HeartbeatRequest, { signal }: CallOptions): Promise<HeartbeatAnswer> {
    const stream = await this.#streamOf(sessionId, "heartbeat", signal);
    const startedMs = Date.now();
    const bounds = { timeoutMs: this.#heartbeatTimeoutMs, signal };
    const value = { canRealtime: request.canRealtime };
    const answer = await stream.ask("heartbeat", { case: "heartbeat", value }, "heartbeat", bounds);
    const told = heartbeatOf(answer, this.#role);
    this.#role = told.role;
    return omitUndefined({ ...told, clockSkewMs: clockSkew(answer.clockMs, startedMs, Date.now()) });
  }

  async push(sessionId: string, envelope: Envelope, { signal }: CallOptions): Promise<Acknowledgement> {
    const stream = await this.#streamOf(sessionId, "push", signal);
    const isAuditEnd = envelope.sourceType === "audit" && envelope.isEnd;
    const bounds = { timeoutMs: this.#timeoutMs + (isAuditEnd ? AUDIT_END_GRACE_MS : 0), signal };
    let bytes = 0;
    const { snapshotNeeded } = await stream.push(envelope, bounds, (made) => {
      bytes = made;
    });
    this.#bytesSent += bytes;
    return { snapshotNeeded };
  }

  async getSentinelTasks(sessionId: string, { signal }: CallOptions): Promise<SentinelTask | undefined> {
    const stream = await this.#streamOf(sessionId, "getSentinelTasks", signal);
    const kind = { case: "sentinelTasks", value: {} } as const;
    return taskOf(await stream.ask("sentinel", kind, "sentinelTask", this.#bounds(signal)));
  }

  async sendSentinelFeedback(
    sessionId: string,
    updates: readonly SentinelUpdate[],
    { signal }: CallOptions,
  ): Promise<void> {
    const stream = await this.#streamOf(sessionId, "sendSentinelFeedback", signal);
    const value = { updates: updates.map((update) => ({ ...update, size: BigInt(update.size) })) };
    await stream.ask("sentinel", { case: "sentinelFeedback", value }, "done", this.#bounds(signal));
  }

  async probe({ signal }: CallOptions): Promise<SenderProbe> {
    const startedMs = Date.now();
    const stream = this.#newStream();
    try {
      const answer = await stream.ask("probe", { case: "probe", value: {} }, "probe", this.#bounds(signal));
      const clockSkewMs = clockSkew(answer.clockMs, startedMs, Date.now());
      return omitUndefined({ clockSkewMs, knownAs: answer.pipe });
    } finally {
      stream.cancel();
    }
  }

  async closeSession(sessionId: string, { signal }: CallOptions): Promise<void> {
    try {
      const stream = await this.#streamOf(sessionId, "closeSession", signal);
      await stream.ask("close", { case: "close", value: {} }, "done", this.#bounds(signal));
    } catch (error) {
      if (!isFustorError(error, "FUSTOR_SESSION_LOST")) throw error;
    } finally {
      if (this.#attached?.sessionId === sessionId) this.#leave();
    }
  }

  async close(): Promise<void> {
    this.#attached = undefined;
    for (const stream of this.#streams) stream.cancel();
    this.#streams.clear();
  }

  #bounds(signal: AbortSignal): Bounds {
    return { timeoutMs: this.#timeoutMs, signal };
  }

  #newStream(): SessionStream {
    for (const stream of this.#streams) if (!stream.isOpen) this.#streams.delete(stream);
    const stream = new SessionStream(this.#channel);
    this.#streams.add(stream);
    return stream;
  }

  /** The stream of the session, a new one when there is none or it broke. Calls at the same time share it. */
  async #streamOf(sessionId: string, call: string, signal: AbortSignal): Promise<SessionStream> {
    if (signal.aborted) throw aborted(call);
    const known = this.#attached?.sessionId === sessionId ? this.#attached : undefined;
    const stream = await known?.stream.catch(() => undefined);
    if (stream?.isOpen) return stream;
    if (known !== this.#attached && this.#attached?.sessionId === sessionId)
      return withSignal(this.#attached, call, signal);
    if (known === undefined) this.#leave();
    const attached: Attached = { sessionId, stream: this.#attach(sessionId) };
    attached.stream.catch(() => undefined);
    this.#attached = attached;
    return withSignal(attached, call, signal);
  }

  async #attach(sessionId: string): Promise<SessionStream> {
    const stream = this.#newStream();
    const { signal } = new AbortController();
    try {
      await stream.ask("attach", { case: "attach", value: { sessionId } }, "done", this.#bounds(signal));
      this.#logger.debug({}, "a new stream was attached to the session");
      return stream;
    } catch (error) {
      stream.cancel();
      throw error;
    }
  }

  #leave(): void {
    const left = this.#attached;
    this.#attached = undefined;
    left?.stream.then(
      (stream) => stream.cancel(),
      () => undefined,
    );
  }
}

/** As the stream, unless the signal aborts first: others may wait for the stream as well. */
function withSignal({ stream }: Attached, call: string, signal: AbortSignal): Promise<SessionStream> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(aborted(call));
    signal.addEventListener("abort", onAbort, { once: true });
    const done = (): void => signal.removeEventListener("abort", onAbort);
    stream.then(
      (open) => {
        done();
        resolve(open);
      },
      (error: unknown) => {
        done();
        reject(error);
      },
    );
  });
}
