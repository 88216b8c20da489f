/** A sender whose receiver is a {@link CoreFusion} in the same process: what is pushed goes through the form of the wire. */
import { checkIngestBody } from "../../src/fusion/ingest-validation.ts";
import {
  type Acknowledgement,
  type Envelope,
  FustorError,
  type HeartbeatAnswer,
  type HeartbeatRequest,
  type SenderDriver,
  type SentinelTask,
  type SentinelUpdate,
  type Session,
  type SessionRequest,
} from "../../src/sdk/index.ts";
import { ingestBody } from "../../src/senders/fusion/ingest-body.ts";
import { CoreFusion } from "./core-fusion.ts";

export class CoreSender implements SenderDriver {
  readonly fusion: CoreFusion;
  /** What the sentinel asks for, and what it was answered. */
  suspects: readonly string[] = [];
  readonly feedback: SentinelUpdate[] = [];
  /** The receiver's clock minus ours, as its answers show it. */
  clockSkewMs: number | undefined;

  constructor(fusion: CoreFusion = new CoreFusion()) {
    this.fusion = fusion;
  }

  async createSession(request: SessionRequest): Promise<Session> {
    return this.fusion.createSession(request);
  }

  async getLatestCommittedIndex(sessionId: string): Promise<number | undefined> {
    return this.fusion.latestIndex(sessionId);
  }

  async heartbeat(sessionId: string, { canRealtime }: HeartbeatRequest): Promise<HeartbeatAnswer> {
    const answer = this.fusion.heartbeat(sessionId, canRealtime);
    return this.clockSkewMs === undefined ? answer : { ...answer, clockSkewMs: this.clockSkewMs };
  }

  async push(sessionId: string, envelope: Envelope): Promise<Acknowledgement> {
    const batch = checkIngestBody(JSON.parse(ingestBody(sessionId, envelope).toString()));
    if (!batch.ok) throw new FustorError("FUSTOR_BATCH_REFUSED", `${batch.problem.loc.join(".")} ${batch.problem.msg}`);
    return this.fusion.ingest(sessionId, batch.value);
  }

  async getSentinelTasks(): Promise<SentinelTask | undefined> {
    return this.suspects.length === 0 ? undefined : { type: "suspect_check", paths: this.suspects };
  }

  async sendSentinelFeedback(_sessionId: string, updates: readonly SentinelUpdate[]): Promise<void> {
    this.feedback.push(...updates);
  }

  async closeSession(sessionId: string): Promise<void> {
    this.fusion.closeSession(sessionId);
  }

  async close(): Promise<void> {
    // Holds nothing.
  }
}
