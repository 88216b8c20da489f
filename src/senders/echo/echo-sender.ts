import {
  type CallOptions,
  type Envelope,
  envelopeRowCount,
  type HeartbeatAnswer,
  type HeartbeatRequest,
  type Logger,
  omitUndefined,
  type Role,
  type SenderDriverContext,
  type Session,
  type SessionRequest,
} from "../../sdk/index.ts";
import { SessionlessSender } from "../../sdk/sessionless-sender.ts";
import { firstRowText } from "./first-row.ts";

export interface EchoSenderOptions {
  /** The role every session has. Default leader. */
  readonly mockRole?: Role;
  /** For sessions that ask for none. Default 30. */
  readonly sessionTimeoutSeconds?: number;
}

function flagsOf(envelope: Envelope): string {
  const flags = [
    envelope.isEnd ? "END" : "",
    envelope.isEnd && envelope.sourceType === "snapshot" ? "SNAPSHOT_END" : "",
    envelope.snapshotSyncSuggested ? "SNAPSHOT_SUGGESTED" : "",
  ].filter((flag) => flag !== "");
  return flags.length === 0 ? "" : ` | flags: ${flags.join(", ")}`;
}

/**
 * Logs what it gets instead of sending it: for the first minutes without any server. It never fails, and asks for a
 * snapshot on its very first batch, so that the first minutes show one.
 */
export class EchoSender extends SessionlessSender {
  readonly #id: string;
  readonly #logger: Logger;
  #rowsSoFar = 0;

  constructor(context: SenderDriverContext, { mockRole, sessionTimeoutSeconds }: EchoSenderOptions = {}) {
    super(omitUndefined({ role: mockRole, sessionTimeoutSeconds }));
    this.#id = context.id;
    this.#logger = context.logger;
  }

  override async createSession(request: SessionRequest, options: CallOptions): Promise<Session> {
    const session = await super.createSession(request, options);
    const { taskId } = request;
    const seconds = session.sessionTimeoutMs / 1000;
    this.#say("SESSION", `opened for ${taskId} as ${session.role}, timeout ${seconds} s`, { taskId });
    return session;
  }

  override async heartbeat(
    sessionId: string,
    request: HeartbeatRequest,
    options: CallOptions,
  ): Promise<HeartbeatAnswer> {
    const answer = await super.heartbeat(sessionId, request, options);
    const { canRealtime } = request;
    this.#say("HEARTBEAT", `realtime ${canRealtime ? "ready" : "not ready"}`, { canRealtime });
    return answer;
  }

  protected async deliver(envelope: Envelope): Promise<void> {
    const rows = envelopeRowCount(envelope);
    this.#rowsSoFar += rows;
    const counts = `rows in this batch: ${rows} | rows so far: ${this.#rowsSoFar}${flagsOf(envelope)}`;
    this.#say(envelope.sourceType.toUpperCase(), counts, { rows, rowsSoFar: this.#rowsSoFar });
    const row = firstRowText(envelope);
    if (row !== undefined) this.#logger.info({ sender: this.#id }, `[EchoSender] first row: ${row}`);
  }

  override async closeSession(sessionId: string, options: CallOptions): Promise<void> {
    await super.closeSession(sessionId, options);
    this.#say("SESSION", "closed", {});
  }

  override async close(): Promise<void> {
    await super.close();
    this.#rowsSoFar = 0;
  }

  #say(phase: string, text: string, facts: object): void {
    this.#logger.info({ sender: this.#id, ...facts }, `[EchoSender] [${phase}] Task: ${this.#id} | ${text}`);
  }
}
