import { randomUUID } from "node:crypto";
import {
  type Acknowledgement,
  type CallOptions,
  type Envelope,
  type HeartbeatAnswer,
  type HeartbeatRequest,
  isFustorError,
  type Logger,
  omitUndefined,
  type Role,
  type SenderDriver,
  type SenderDriverContext,
  type Session,
  type SessionRequest,
} from "fustor-agent/sdk";
import { heartbeatOf, indexOf, membersOf, sessionOf } from "./answers.ts";
import { isFile } from "./check-entry.ts";
import { documentName, parseDocument, readDocumentFile } from "./document.ts";
import type { Endpoint, Service } from "./endpoints.ts";
import { envelopeBody } from "./envelope-body.ts";
import { aborted, badAnswer, type Route } from "./failures.ts";
import { type OpenApiSettings, Requests } from "./requests.ts";

/** What every message names. */
interface Stream {
  readonly agent_id: string;
  readonly task_id: string;
  readonly session_id: string;
}

interface Message {
  readonly signal: AbortSignal;
  readonly json?: object;
  readonly body?: Buffer;
  readonly sessionId?: string;
  readonly query?: Readonly<Record<string, string>>;
}

/** `<agent id>:<pipe id>`; the id of a pipe holds no colon. */
function streamOf(taskId: string): Stream {
  const at = taskId.lastIndexOf(":");
  return { agent_id: taskId.slice(0, Math.max(0, at)), task_id: taskId.slice(at + 1), session_id: "" };
}

/**
 * Sends envelopes to the service that an OpenAPI document describes. A service without an endpoint for sessions has none:
 * each session is one that the agent alone names, and the agent leads.
 */
export class OpenApiSender implements SenderDriver {
  readonly #settings: OpenApiSettings;
  readonly #logger: Logger;
  readonly #requests: Requests;
  #service: Service | undefined;
  #stream: Stream = streamOf("");
  /** Batches of this session. */
  #accepted = 0;
  #bytesSent = 0;
  #role: Role = "leader";
  /** The service has named or taken an index above 0 in this session. */
  #holdsIndex = false;

  /** Throws FUSTOR_CONFIG_INVALID when the settings cannot work. */
  constructor({ logger }: SenderDriverContext, settings: OpenApiSettings) {
    this.#settings = settings;
    this.#logger = logger;
    this.#requests = new Requests(settings, logger);
  }

  get bytesSent(): number {
    return this.#bytesSent;
  }

  /** Reads the document each time: it may have changed with the service. */
  async createSession(request: SessionRequest, { signal }: CallOptions): Promise<Session> {
    if (signal.aborted) throw aborted("createSession");
    const service = await this.#read(signal);
    // Paths may hold the names of the stream, those on the way to a session, too.
    this.#stream = streamOf(request.taskId);
    const session = await this.#open(service, this.#stream, request, signal);
    this.#stream = { ...this.#stream, session_id: session.sessionId };
    this.#accepted = 0;
    this.#role = session.role;
    this.#holdsIndex = false;
    return session;
  }

  async getLatestCommittedIndex(_sessionId: string, { signal }: CallOptions): Promise<number | undefined> {
    if (signal.aborted) throw aborted("getLatestCommittedIndex");
    const index = await this.#askIndex("status", await this.#known(signal), this.#stream, signal);
    this.#holdsIndex ||= index !== undefined;
    return index;
  }

  /**
   * Without an endpoint for heartbeats the checkpoint is asked for: a service that has forgotten what it had acknowledged
   * needs a snapshot, also while nothing changes.
   */
  async heartbeat(
    sessionId: string,
    { canRealtime }: HeartbeatRequest,
    { signal }: CallOptions,
  ): Promise<HeartbeatAnswer> {
    if (signal.aborted) throw aborted("heartbeat");
    const service = await this.#known(signal);
    const { heartbeat } = service;
    if (heartbeat === undefined) return this.#checkpointBeat(service, signal);
    const json = { ...this.#stream, can_realtime: canRealtime };
    const text = await this.#call("heartbeat", heartbeat, { signal, json, sessionId });
    const told = heartbeatOf(membersOf(text, heartbeat.url), this.#role);
    this.#role = told.role;
    return told;
  }

  async push(sessionId: string, envelope: Envelope, { signal }: CallOptions): Promise<Acknowledgement> {
    if (signal.aborted) throw aborted("push");
    const { ingest } = await this.#known(signal);
    const body = envelopeBody(envelope, { ...this.#stream, sequence: this.#accepted + 1 });
    const text = await this.#call("ingest", ingest, { signal, body, sessionId });
    const snapshotNeeded = membersOf(text, ingest.url).snapshot_needed === true;
    this.#accepted += 1;
    this.#bytesSent += body.byteLength;
    this.#holdsIndex ||= envelope.events.some(({ index }) => index > 0);
    return { snapshotNeeded };
  }

  async closeSession(sessionId: string, { signal }: CallOptions): Promise<void> {
    if (signal.aborted) throw aborted("closeSession");
    const { close } = await this.#known(signal);
    if (close === undefined) return;
    try {
      await this.#call("close", close, { signal, sessionId });
    } catch (error) {
      if (!isFustorError(error, "FUSTOR_SESSION_LOST")) throw error;
    }
  }

  async close(): Promise<void> {
    this.#requests.close();
  }

  async #open(service: Service, stream: Stream, request: SessionRequest, signal: AbortSignal): Promise<Session> {
    const { agent_id, task_id } = stream;
    const seconds = request.sessionTimeoutSeconds ?? this.#settings.params.session_timeout_seconds;
    const { session } = service;
    if (session === undefined) {
      // The next best proof that the service is there.
      await this.#askIndex("status", service, stream, signal);
      return { sessionId: randomUUID(), role: "leader", sessionTimeoutMs: seconds * 1000 };
    }
    const json = {
      agent_id,
      task_id,
      source_type: request.sourceType,
      client_info: { source_uri: request.sourceUri },
      session_timeout_seconds: Math.max(1, Math.round(seconds)),
      resumes: request.resumes,
    };
    return sessionOf(
      membersOf(await this.#call("session", session, { signal, json }), session.url),
      session.url,
      seconds,
    );
  }

  async #checkpointBeat(service: Service, signal: AbortSignal): Promise<HeartbeatAnswer> {
    const index = await this.#askIndex("heartbeat", service, this.#stream, signal);
    const hasForgotten = service.status !== undefined && this.#holdsIndex && index === undefined;
    return { role: this.#role, commands: [], snapshotNeeded: hasForgotten };
  }

  /** Undefined: the service has nothing of this stream, or does not say. */
  async #askIndex(
    route: Route,
    { status }: Service,
    { agent_id, task_id }: Stream,
    signal: AbortSignal,
  ): Promise<number | undefined> {
    if (status === undefined) return undefined;
    try {
      return indexOf(await this.#call(route, status, { signal, query: { agent_id, task_id } }), status.url);
    } catch (error) {
      if (isFustorError(error) && error.details.status === 404) return undefined;
      throw error;
    }
  }

  /** A session of an earlier run may have to be closed before the first one is opened. */
  async #known(signal: AbortSignal): Promise<Service> {
    return this.#service ?? (await this.#read(signal));
  }

  async #read(signal: AbortSignal): Promise<Service> {
    const { uri, params } = this.#settings;
    const text = isFile(uri)
      ? await readDocumentFile(uri)
      : await this.#requests.succeed({
          ...{ route: "document", method: "GET", url: new URL(uri), signal },
          ...omitUndefined({ keyHeader: params.key_header }),
        });
    const service = parseDocument(text, uri, params);
    if (JSON.stringify(service) !== JSON.stringify(this.#service)) this.#logPaths(service);
    this.#service = service;
    return service;
  }

  #logPaths({ ingest, status, session, heartbeat }: Service): void {
    const paths = { ingest: ingest.path, status: status?.path, session: session?.path, heartbeat: heartbeat?.path };
    this.#logger.info(paths, `${documentName(this.#settings.uri)} says where everything goes`);
  }

  #call(route: Route, endpoint: Endpoint, { signal, json, body, sessionId, query }: Message): Promise<string> {
    return this.#requests.succeed({
      route,
      method: endpoint.method,
      url: this.#urlOf(endpoint, sessionId, query),
      signal,
      hasSessions: this.#service?.session !== undefined,
      ...omitUndefined({
        sessionId,
        keyHeader: this.#service?.keyHeader,
        body: json === undefined ? body : Buffer.from(JSON.stringify(json)),
      }),
    });
  }

  /** The names in braces are filled in. */
  #urlOf({ url: template }: Endpoint, sessionId: string | undefined, query: Message["query"] = {}): URL {
    const names: Readonly<Record<string, string>> = { ...this.#stream, ...omitUndefined({ session_id: sessionId }) };
    const filled = template.replace(/\{(agent_id|task_id|session_id)\}/g, (_, name: string) =>
      encodeURIComponent(names[name] ?? ""),
    );
    if (/[{}]/.test(filled)) throw badAnswer(`${template} holds a part that the agent cannot fill in`);
    const url = new URL(filled);
    for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
    return url;
  }
}
