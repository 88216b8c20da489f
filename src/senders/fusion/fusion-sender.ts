import { promisify } from "node:util";
import { constants, gzip as gzipCallback } from "node:zlib";
import {
  type Acknowledgement,
  type CallOptions,
  type Credential,
  type Envelope,
  type HeartbeatAnswer,
  type HeartbeatRequest,
  isFustorError,
  omitUndefined,
  type Role,
  type SenderDriver,
  type SenderDriverContext,
  type SenderProbe,
  type SentinelTask,
  type SentinelUpdate,
  type Session,
  type SessionRequest,
} from "../../sdk/index.ts";
import {
  clockSkew,
  invitesGzip,
  readAcknowledgement,
  readHeartbeat,
  readOwner,
  readPosition,
  readSentinelTask,
  readSession,
} from "./answers.ts";
import { BodyBuffer } from "./body-buffer.ts";
import { type FusionEndpoint, type FusionSenderOptions, fusionEndpoint } from "./fusion-options.ts";
import { ingestBody } from "./ingest-body.ts";
import { abortedFailure } from "./network-failure.ts";
import { type Call, Requests } from "./requests.ts";

const gzip = promisify(gzipCallback);

const API = "/api/v1/pipe";
/** Below this a body is not worth compressing. */
const GZIP_FROM_BYTES = 2048;
/** Fusion digests its queue, for up to 30 s, before it answers the end of an audit. */
const AUDIT_END_GRACE_MS = 30_000;
const SHORTEST_HEARTBEAT_TIMEOUT_MS = 1000;

/** Speaks to the receiver of a Fusion over HTTP, see docs/protocol.md. Heartbeats never wait for an ingest. */
export class FusionSender implements SenderDriver {
  readonly #endpoint: FusionEndpoint;
  readonly #requests: Requests;
  readonly #wallClock: () => number;
  readonly #bodies = new BodyBuffer();
  #gzip = false;
  #bytesSent = 0;
  #role: Role = "follower";
  #heartbeatTimeoutMs: number;

  /** Throws FUSTOR_CONFIG_INVALID when the options cannot work. `wallClock` gives epoch milliseconds. */
  constructor(context: SenderDriverContext, options: FusionSenderOptions, wallClock: () => number = Date.now) {
    this.#endpoint = fusionEndpoint(options);
    this.#requests = new Requests(this.#endpoint, context.logger, wallClock);
    this.#wallClock = wallClock;
    this.#heartbeatTimeoutMs = this.#endpoint.timeoutMs;
  }

  get bytesSent(): number {
    return this.#bytesSent;
  }

  async createSession(request: SessionRequest, { signal }: CallOptions): Promise<Session> {
    const requestedSeconds =
      request.sessionTimeoutSeconds === undefined ? undefined : Math.max(1, Math.round(request.sessionTimeoutSeconds));
    const body = JSON.stringify({
      task_id: request.taskId,
      source_type: request.sourceType,
      client_info: { source_uri: request.sourceUri },
      // A member without value is left out: Fusion would refuse null here.
      session_timeout_seconds: requestedSeconds,
      resumes: request.resumes,
    });
    const answer = await this.#requests.succeed({
      route: "create",
      method: "POST",
      path: `${API}/session/`,
      body,
      signal,
    });
    const session = readSession(
      this.#requests.members(answer, "create"),
      this.#requests.source("create"),
      requestedSeconds,
    );
    this.#gzip = this.#endpoint.gzip === "auto" && invitesGzip(answer.header("accept-encoding"));
    this.#role = session.role;
    // A heartbeat that hangs must leave time for another one before the session ends.
    const third = Math.max(session.sessionTimeoutMs / 3, SHORTEST_HEARTBEAT_TIMEOUT_MS);
    this.#heartbeatTimeoutMs = Math.min(this.#endpoint.timeoutMs, Math.ceil(third));
    return session;
  }

  async getLatestCommittedIndex(sessionId: string, { signal }: CallOptions): Promise<number | undefined> {
    const path = this.#sessionPath(sessionId, "/position");
    const answer = await this.#requests.send({ route: "position", method: "GET", path, sessionId, signal });
    return answer.status === 200 ? readPosition(answer.text) : undefined;
  }

  async heartbeat(sessionId: string, request: HeartbeatRequest, { signal }: CallOptions): Promise<HeartbeatAnswer> {
    const startedMs = this.#wallClock();
    const answer = await this.#requests.succeed({
      route: "heartbeat",
      method: "POST",
      path: this.#sessionPath(sessionId, "/heartbeat"),
      sessionId,
      body: JSON.stringify({ can_realtime: request.canRealtime }),
      timeoutMs: this.#heartbeatTimeoutMs,
      signal,
    });
    const told = readHeartbeat(
      this.#requests.members(answer, "heartbeat"),
      this.#requests.source("heartbeat"),
      this.#role,
    );
    this.#role = told.role;
    const clockSkewMs = clockSkew(answer.header("date"), startedMs, this.#wallClock());
    return clockSkewMs === undefined ? told : { ...told, clockSkewMs };
  }

  async push(sessionId: string, envelope: Envelope, { signal }: CallOptions): Promise<Acknowledgement> {
    if (signal.aborted) throw abortedFailure("ingest");
    const plain = ingestBody(sessionId, envelope, (size) => this.#bodies.take(size));
    const gzipped = this.#gzip && plain.byteLength >= GZIP_FROM_BYTES;
    const body = gzipped ? await gzip(plain, { level: constants.Z_BEST_SPEED }) : plain;
    const auditEnd = envelope.sourceType === "audit" && envelope.isEnd;
    const call: Call = {
      route: "ingest",
      method: "POST",
      path: `${API}/ingest/${encodeURIComponent(sessionId)}/events`,
      sessionId,
      body,
      gzipped,
      timeoutMs: this.#endpoint.timeoutMs + (auditEnd ? AUDIT_END_GRACE_MS : 0),
      signal,
    };
    const answer = await this.#requests.succeed(call).catch((error: unknown) => {
      if (isFustorError(error) && error.details.refuses === "gzip") this.#gzip = false;
      throw error;
    });
    this.#bytesSent += body.byteLength;
    // After a failure the buffer is let go of instead: the socket may still hold on to it.
    if (gzipped || this.#requests.bulkFlushed()) this.#bodies.giveBack(plain);
    return readAcknowledgement(this.#requests.members(answer, "ingest"), this.#requests.source("ingest"));
  }

  async getSentinelTasks(_sessionId: string, { signal }: CallOptions): Promise<SentinelTask | undefined> {
    const path = `${API}/consistency/sentinel/tasks`;
    const answer = await this.#requests.succeed({ route: "sentinel", method: "GET", path, signal });
    return readSentinelTask(this.#requests.members(answer, "sentinel"));
  }

  async sendSentinelFeedback(
    _sessionId: string,
    updates: readonly SentinelUpdate[],
    { signal }: CallOptions,
  ): Promise<void> {
    const body = JSON.stringify({ type: "suspect_update", updates });
    const path = `${API}/consistency/sentinel/feedback`;
    await this.#requests.succeed({ route: "sentinel", method: "POST", path, body, signal });
  }

  /**
   * Two questions that Fusion answers without a session. The second one is answered to a push key alone where the
   * receiver tells keys apart; what else it says does not matter here.
   */
  async probe({ signal }: CallOptions): Promise<SenderProbe> {
    const startedMs = this.#wallClock();
    const answer = await this.#requests.succeed({ route: "probe", method: "GET", path: `${API}/session/`, signal });
    const clockSkewMs = clockSkew(answer.header("date"), startedMs, this.#wallClock());
    const knownAs = readOwner(this.#requests.members(answer, "probe"));
    await this.getSentinelTasks("", { signal }).catch((error: unknown) => {
      if (isFustorError(error, "FUSTOR_SENDER_KEY_REFUSED")) throw error;
    });
    return omitUndefined({ clockSkewMs, knownAs });
  }

  /** Both keys are asked whose they are: with another owner's key the session would be unknown. */
  async takeCredential(credential: Credential | undefined, { signal }: CallOptions): Promise<boolean> {
    const before = this.#requests.key;
    const owner = await this.#owner(signal);
    this.#requests.useKey(credential?.kind === "key" ? credential.key : undefined);
    const isSame = await this.#owner(signal).then(
      (other) => other !== undefined && other === owner,
      () => false,
    );
    if (!isSame) this.#requests.useKey(before);
    return isSame;
  }

  async #owner(signal: AbortSignal): Promise<string | undefined> {
    const answer = await this.#requests.succeed({ route: "probe", method: "GET", path: `${API}/session/`, signal });
    return readOwner(this.#requests.members(answer, "probe"));
  }

  async closeSession(sessionId: string, { signal }: CallOptions): Promise<void> {
    const path = this.#sessionPath(sessionId, "");
    try {
      await this.#requests.succeed({ route: "delete", method: "DELETE", path, sessionId, signal });
    } catch (error) {
      if (!isFustorError(error, "FUSTOR_SESSION_LOST")) throw error;
    }
  }

  close(): Promise<void> {
    return this.#requests.close();
  }

  #sessionPath(sessionId: string, below: string): string {
    return `${API}/session/${encodeURIComponent(sessionId)}${below}`;
  }
}
