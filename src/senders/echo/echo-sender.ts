import { randomUUID } from "node:crypto";
import {
  type Acknowledgement,
  type CallOptions,
  type Envelope,
  envelopeRowCount,
  FustorError,
  type HeartbeatAnswer,
  type HeartbeatRequest,
  type Logger,
  type Role,
  type SenderDriver,
  type SenderDriverContext,
  type Session,
  type SessionRequest,
} from "../../sdk/index.ts";
import { firstRowText } from "./first-row.ts";

const DEFAULT_SESSION_TIMEOUT_SECONDS = 30;

export interface EchoSenderOptions {
  /** The role every session has. Default leader. */
  readonly mockRole?: Role;
  /** For sessions that ask for none. Default 30. */
  readonly sessionTimeoutSeconds?: number;
  /** Default random UUIDs. */
  readonly newSessionId?: () => string;
}

function flagsOf(envelope: Envelope): string {
  const flags = [
    envelope.isEnd ? "END" : "",
    envelope.isEnd && envelope.sourceType === "snapshot" ? "SNAPSHOT_END" : "",
    envelope.snapshotSyncSuggested ? "SNAPSHOT_SUGGESTED" : "",
  ].filter((flag) => flag !== "");
  return flags.length === 0 ? "" : ` | flags: ${flags.join(", ")}`;
}

function throwIfAborted({ signal }: CallOptions): void {
  if (signal.aborted) throw new FustorError("FUSTOR_ABORTED", "the call was cancelled");
}

/**
 * Logs what it gets instead of sending it: for the first minutes without any server. Never fails, never loses a
 * session.
 */
export class EchoSender implements SenderDriver {
  readonly #id: string;
  readonly #logger: Logger;
  readonly #role: Role;
  readonly #sessionTimeoutSeconds: number;
  readonly #newSessionId: () => string;
  #rowsSoFar = 0;
  #askedForSnapshot = false;

  constructor(context: SenderDriverContext, options: EchoSenderOptions = {}) {
    this.#id = context.id;
    this.#logger = context.logger;
    this.#role = options.mockRole ?? "leader";
    this.#sessionTimeoutSeconds = options.sessionTimeoutSeconds ?? DEFAULT_SESSION_TIMEOUT_SECONDS;
    this.#newSessionId = options.newSessionId ?? randomUUID;
  }

  async createSession(request: SessionRequest, options: CallOptions): Promise<Session> {
    throwIfAborted(options);
    const sessionTimeoutSeconds = request.sessionTimeoutSeconds ?? this.#sessionTimeoutSeconds;
    const { taskId } = request;
    this.#say("SESSION", `opened for ${taskId} as ${this.#role}, timeout ${sessionTimeoutSeconds} s`, { taskId });
    return { sessionId: this.#newSessionId(), role: this.#role, sessionTimeoutMs: sessionTimeoutSeconds * 1000 };
  }

  async getLatestCommittedIndex(_sessionId: string, options: CallOptions): Promise<undefined> {
    throwIfAborted(options);
  }

  async heartbeat(
    _sessionId: string,
    { canRealtime }: HeartbeatRequest,
    options: CallOptions,
  ): Promise<HeartbeatAnswer> {
    throwIfAborted(options);
    this.#say("HEARTBEAT", `realtime ${canRealtime ? "ready" : "not ready"}`, { canRealtime });
    return { role: this.#role, commands: [], snapshotNeeded: false };
  }

  /** Asks for a snapshot on its very first call, so that the first minutes show one. */
  async push(_sessionId: string, envelope: Envelope, options: CallOptions): Promise<Acknowledgement> {
    throwIfAborted(options);
    const rows = envelopeRowCount(envelope);
    this.#rowsSoFar += rows;
    const counts = `rows in this batch: ${rows} | rows so far: ${this.#rowsSoFar}${flagsOf(envelope)}`;
    this.#say(envelope.sourceType.toUpperCase(), counts, { rows, rowsSoFar: this.#rowsSoFar });
    const row = firstRowText(envelope);
    if (row !== undefined) this.#logger.info({ sender: this.#id }, `[EchoSender] first row: ${row}`);
    const snapshotNeeded = !this.#askedForSnapshot;
    this.#askedForSnapshot = true;
    return { snapshotNeeded };
  }

  async closeSession(_sessionId: string, options: CallOptions): Promise<void> {
    throwIfAborted(options);
    this.#say("SESSION", "closed", {});
  }

  async close(): Promise<void> {
    this.#rowsSoFar = 0;
  }

  #say(phase: string, text: string, facts: object): void {
    this.#logger.info({ sender: this.#id, ...facts }, `[EchoSender] [${phase}] Task: ${this.#id} | ${text}`);
  }
}
