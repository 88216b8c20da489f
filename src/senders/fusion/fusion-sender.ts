import { promisify } from "node:util";
import { constants, gzip as gzipCallback } from "node:zlib";
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
  type SenderDriverContext,
  type SentinelTask,
  type SentinelUpdate,
  type Session,
  type SessionRequest,
  shortId,
} from "../../sdk/index.ts";
import {
  clockSkew,
  invitesGzip,
  parseMembers,
  readAcknowledgement,
  readHeartbeat,
  readPosition,
  readSentinelTask,
  readSession,
} from "./answers.ts";
import { BodyBuffer } from "./body-buffer.ts";
import { type FusionEndpoint, type FusionSenderOptions, fusionEndpoint } from "./fusion-options.ts";
import { type ExchangeAnswer, type ExchangeRequest, HttpExchange, type Lane } from "./http-exchange.ts";
import { ingestBody } from "./ingest-body.ts";
import { abortedFailure } from "./network-failure.ts";
import { maskOf } from "./secret-mask.ts";
import { parseRetryAfter, type Route, redirectTarget, refusalDetail, statusFailure } from "./status-failure.ts";

const gzip = promisify(gzipCallback);

const API = "/api/v1/pipe";
/** Below this a body is not worth compressing. */
const GZIP_FROM_BYTES = 2048;
/** Fusion digests its queue, for up to 30 s, before it answers the end of an audit. */
const AUDIT_END_GRACE_MS = 30_000;
const SHORTEST_HEARTBEAT_TIMEOUT_MS = 1000;

const LANES: Readonly<Record<Route, Lane>> = {
  create: "session",
  position: "session",
  heartbeat: "heartbeat",
  ingest: "bulk",
  delete: "session",
  sentinel: "session",
};

interface Call {
  readonly route: Route;
  readonly method: ExchangeRequest["method"];
  readonly path: string;
  readonly sessionId?: string;
  readonly body?: string | Buffer;
  readonly gzipped?: boolean;
  readonly timeoutMs?: number;
  readonly signal: AbortSignal;
}

/** Speaks to the receiver of a Fusion over HTTP, see docs/protocol.md. Heartbeats never wait for an ingest. */
export class FusionSender implements SenderDriver {
  readonly #endpoint: FusionEndpoint;
  readonly #exchange: HttpExchange;
  readonly #logger: Logger;
  readonly #wallClock: () => number;
  readonly #bodies = new BodyBuffer();
  readonly #mask: (text: string) => string;
  #gzip = false;
  #bytesSent = 0;
  #role: Role = "follower";
  #heartbeatTimeoutMs: number;

  /** Throws FUSTOR_CONFIG_INVALID when the options cannot work. `wallClock` gives epoch milliseconds. */
  constructor(context: SenderDriverContext, options: FusionSenderOptions, wallClock: () => number = Date.now) {
    this.#endpoint = fusionEndpoint(options);
    this.#exchange = new HttpExchange({ endpoint: this.#endpoint });
    this.#logger = context.logger;
    this.#wallClock = wallClock;
    this.#heartbeatTimeoutMs = this.#endpoint.timeoutMs;
    const { key, proxy } = this.#endpoint;
    this.#mask = maskOf([...(key === undefined ? [] : [key]), ...(proxy?.secrets ?? [])], "[key]");
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
    });
    const answer = await this.#succeed({ route: "create", method: "POST", path: `${API}/session/`, body, signal });
    const session = readSession(this.#members(answer, "create"), this.#source("create"), requestedSeconds);
    this.#gzip = this.#endpoint.gzip === "auto" && invitesGzip(answer.header("accept-encoding"));
    this.#role = session.role;
    // A heartbeat that hangs must leave time for another one before the session ends.
    const third = Math.max(session.sessionTimeoutMs / 3, SHORTEST_HEARTBEAT_TIMEOUT_MS);
    this.#heartbeatTimeoutMs = Math.min(this.#endpoint.timeoutMs, Math.ceil(third));
    return session;
  }

  async getLatestCommittedIndex(sessionId: string, { signal }: CallOptions): Promise<number | undefined> {
    const path = this.#sessionPath(sessionId, "/position");
    const answer = await this.#exchangeOf({ route: "position", method: "GET", path, sessionId, signal });
    return answer.status === 200 ? readPosition(answer.text) : undefined;
  }

  async heartbeat(sessionId: string, request: HeartbeatRequest, { signal }: CallOptions): Promise<HeartbeatAnswer> {
    const startedMs = this.#wallClock();
    const answer = await this.#succeed({
      route: "heartbeat",
      method: "POST",
      path: this.#sessionPath(sessionId, "/heartbeat"),
      sessionId,
      body: JSON.stringify({ can_realtime: request.canRealtime }),
      timeoutMs: this.#heartbeatTimeoutMs,
      signal,
    });
    const told = readHeartbeat(this.#members(answer, "heartbeat"), this.#source("heartbeat"), this.#role);
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
    const answer = await this.#succeed({
      route: "ingest",
      method: "POST",
      path: `${API}/ingest/${encodeURIComponent(sessionId)}/events`,
      sessionId,
      body,
      gzipped,
      timeoutMs: this.#endpoint.timeoutMs + (auditEnd ? AUDIT_END_GRACE_MS : 0),
      signal,
    });
    this.#bytesSent += body.byteLength;
    // After a failure the buffer is let go of instead: the socket may still hold on to it.
    if (gzipped || this.#exchange.bulkFlushed()) this.#bodies.giveBack(plain);
    return readAcknowledgement(this.#members(answer, "ingest"), this.#source("ingest"));
  }

  async getSentinelTasks(_sessionId: string, { signal }: CallOptions): Promise<SentinelTask | undefined> {
    const path = `${API}/consistency/sentinel/tasks`;
    const answer = await this.#succeed({ route: "sentinel", method: "GET", path, signal });
    return readSentinelTask(this.#members(answer, "sentinel"));
  }

  async sendSentinelFeedback(
    _sessionId: string,
    updates: readonly SentinelUpdate[],
    { signal }: CallOptions,
  ): Promise<void> {
    const body = JSON.stringify({ type: "suspect_update", updates });
    const path = `${API}/consistency/sentinel/feedback`;
    await this.#succeed({ route: "sentinel", method: "POST", path, body, signal });
  }

  async closeSession(sessionId: string, { signal }: CallOptions): Promise<void> {
    const path = this.#sessionPath(sessionId, "");
    try {
      await this.#succeed({ route: "delete", method: "DELETE", path, sessionId, signal });
    } catch (error) {
      if (!isFustorError(error, "FUSTOR_SESSION_LOST")) throw error;
    }
  }

  close(): Promise<void> {
    return this.#exchange.close();
  }

  #sessionPath(sessionId: string, below: string): string {
    return `${API}/session/${encodeURIComponent(sessionId)}${below}`;
  }

  #source(route: Route): string {
    return `${this.#endpoint.address} (${route})`;
  }

  #members(answer: ExchangeAnswer, route: Route): Readonly<Record<string, unknown>> {
    return parseMembers(answer.text, this.#source(route));
  }

  async #exchangeOf(call: Call): Promise<ExchangeAnswer> {
    const startedMs = this.#wallClock();
    const { route, sessionId, body } = call;
    const answer = await this.#exchange.send({
      ...call,
      name: route,
      lane: LANES[route],
      timeoutMs: call.timeoutMs ?? this.#endpoint.timeoutMs,
    });
    const facts = omitUndefined({
      route,
      status: answer.status,
      durationMs: this.#wallClock() - startedMs,
      session: sessionId === undefined ? undefined : shortId(sessionId),
      sizeBytes: body === undefined ? undefined : Buffer.byteLength(body),
    });
    this.#logger.debug(facts, "request answered");
    return answer;
  }

  async #succeed(call: Call): Promise<ExchangeAnswer> {
    const answer = await this.#exchangeOf(call);
    if (answer.status >= 200 && answer.status < 300) return answer;
    if (answer.status === 415 && call.gzipped) {
      this.#gzip = false;
      const text = `${this.#source(call.route)} takes no gzip after all; the next attempt goes uncompressed`;
      throw new FustorError("FUSTOR_SENDER_BAD_ANSWER", text, { retryable: true, details: { status: 415 } });
    }
    throw statusFailure({
      route: call.route,
      address: this.#endpoint.address,
      status: answer.status,
      detail: refusalDetail(answer.text, (text) => this.#withoutSecrets(text, call.sessionId)),
      retryAfterMs: parseRetryAfter(answer.header("retry-after"), this.#wallClock()),
      location: this.#redirectTarget(answer.header("location"), call),
    });
  }

  #redirectTarget(location: string | undefined, { path, sessionId }: Call): string | undefined {
    const { origin, basePath } = this.#endpoint;
    const target = redirectTarget(location, new URL(`${origin}${basePath}${path}`), path);
    return target === undefined ? undefined : this.#withoutSecrets(target, sessionId);
  }

  /** Receivers like to repeat the session id in their refusals. */
  #withoutSecrets(text: string, sessionId: string | undefined): string {
    const masked = this.#mask(text);
    return sessionId === undefined ? masked : maskOf([sessionId], shortId(sessionId))(masked);
  }
}
