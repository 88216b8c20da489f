/**
 * A sender for tests: the far side is a {@link FakeFusion} in memory, and every call can be made to fail.
 */

import type { Row } from "../changes.ts";
import { type Acknowledgement, type Envelope, envelopeRowCount, type RowData } from "../envelope.ts";
import { FustorError, type FustorErrorCode } from "../errors.ts";
import type { SenderDriver, SentinelTask, SentinelUpdate } from "../sender-driver.ts";
import type { HeartbeatAnswer, HeartbeatRequest, Session, SessionRequest } from "../session.ts";
import type { CallOptions } from "../source-driver.ts";
import { FakeFusion } from "./fake-fusion.ts";

export type SenderCall =
  | "createSession"
  | "getLatestCommittedIndex"
  | "heartbeat"
  | "push"
  | "getSentinelTasks"
  | "sendSentinelFeedback"
  | "closeSession";

/** What happens to a call instead of, or besides, being answered. */
export type SenderFault =
  /** Fails without any effect. */
  | { readonly kind: "fail"; readonly code: FustorErrorCode; readonly retryAfterMs?: number }
  /** Takes effect, but the answer is lost. */
  | { readonly kind: "answer_lost" }
  /** Nothing is answered until the caller gives up. */
  | { readonly kind: "hang" }
  /** Nothing is answered, and the caller's signal is not heeded either. */
  | { readonly kind: "deaf" }
  /** Answered after a while. */
  | { readonly kind: "slow"; readonly delayMs: number };

/** Asked before each call; `envelope` for pushes only. */
export type FaultPlan = (call: SenderCall, envelope?: ReceivedEnvelope) => SenderFault | undefined;

/** An envelope with its rows as objects. */
export interface ReceivedEnvelope extends Omit<Envelope, "events"> {
  readonly sessionId: string;
  readonly events: readonly ReceivedEvent[];
}

export interface ReceivedEvent {
  readonly eventType: string;
  readonly messageSource: string;
  readonly fields: readonly string[];
  readonly index: number;
  readonly rows: readonly Row[];
}

/** A call as it came in, whatever became of it. */
export interface RecordedCall {
  readonly call: SenderCall;
  readonly at: number;
  readonly sessionId?: string;
  readonly request?: SessionRequest | HeartbeatRequest;
  readonly envelope?: ReceivedEnvelope;
  /** The far side took it (whether or not the answer arrived). */
  accepted: boolean;
}

const decoder = new TextDecoder();

export function rowsOf(data: RowData): readonly Row[] {
  if (data.kind === "objects") return data.rows.map((row) => structuredClone(row));
  return data.slices.flatMap((slice) => JSON.parse(`[${decoder.decode(slice)}]`) as Row[]);
}

export class FakeSender implements SenderDriver {
  readonly fusion: FakeFusion;
  readonly calls: RecordedCall[] = [];
  closes = 0;
  /** What the far side's sentinel asks for, and what it was told. */
  suspects: readonly string[] = [];
  readonly feedback: SentinelUpdate[] = [];
  #plan: FaultPlan = () => undefined;

  constructor(fusion: FakeFusion = new FakeFusion()) {
    this.fusion = fusion;
  }

  setFaults(plan: FaultPlan): void {
    this.#plan = plan;
  }

  noFaults(): void {
    this.#plan = () => undefined;
  }

  /** Pushes in order, all attempts. */
  get pushes(): ReceivedEnvelope[] {
    return this.calls.flatMap(({ call, envelope }) => (call === "push" && envelope !== undefined ? [envelope] : []));
  }

  /** Pushes that took effect. */
  get accepted(): ReceivedEnvelope[] {
    return this.calls.flatMap(({ accepted, envelope }) => (accepted && envelope !== undefined ? [envelope] : []));
  }

  callsTo(call: SenderCall): RecordedCall[] {
    return this.calls.filter((recorded) => recorded.call === call);
  }

  createSession(request: SessionRequest, { signal }: CallOptions): Promise<Session> {
    return this.#call({ call: "createSession", request }, signal, () => this.fusion.createSession(request));
  }

  getLatestCommittedIndex(sessionId: string, { signal }: CallOptions): Promise<number | undefined> {
    const record = { call: "getLatestCommittedIndex", sessionId } as const;
    return this.#call(record, signal, () => this.fusion.latestIndex(sessionId));
  }

  heartbeat(sessionId: string, request: HeartbeatRequest, { signal }: CallOptions): Promise<HeartbeatAnswer> {
    return this.#call({ call: "heartbeat", sessionId, request }, signal, () => this.fusion.heartbeat(sessionId));
  }

  push(sessionId: string, envelope: Envelope, { signal }: CallOptions): Promise<Acknowledgement> {
    const events = envelope.events.map(({ eventType, messageSource, fields, index, rows }) => ({
      eventType,
      messageSource,
      fields,
      index,
      rows: rowsOf(rows),
    }));
    const told = events.reduce((sum, event) => sum + event.rows.length, 0);
    if (told !== envelopeRowCount(envelope)) throw new Error("an event's count differs from its rows");
    const received: ReceivedEnvelope = { ...envelope, sessionId, events };
    return this.#call({ call: "push", sessionId, envelope: received }, signal, () => this.fusion.ingest(received));
  }

  closeSession(sessionId: string, { signal }: CallOptions): Promise<void> {
    return this.#call({ call: "closeSession", sessionId }, signal, () => this.fusion.closeSession(sessionId));
  }

  getSentinelTasks(sessionId: string, { signal }: CallOptions): Promise<SentinelTask | undefined> {
    const task = (): SentinelTask | undefined =>
      this.suspects.length === 0 ? undefined : { type: "suspect_check", paths: this.suspects };
    return this.#call({ call: "getSentinelTasks", sessionId }, signal, task);
  }

  sendSentinelFeedback(sessionId: string, updates: readonly SentinelUpdate[], { signal }: CallOptions): Promise<void> {
    return this.#call({ call: "sendSentinelFeedback", sessionId }, signal, () => {
      this.feedback.push(...updates);
    });
  }

  async close(): Promise<void> {
    this.closes++;
  }

  async #call<T>(record: Omit<RecordedCall, "at" | "accepted">, signal: AbortSignal, act: () => T): Promise<T> {
    const recorded: RecordedCall = { ...record, at: performance.now(), accepted: false };
    this.calls.push(recorded);
    if (signal.aborted) throw aborted();
    const fault = this.#plan(record.call, record.envelope);
    if (fault?.kind === "deaf") await new Promise<never>(() => undefined);
    // Even the fastest answer comes in a later turn, as from a socket.
    await pause(fault?.kind === "slow" ? fault.delayMs : fault?.kind === "hang" ? 2 ** 31 - 1 : 0, signal);
    if (fault?.kind === "fail") {
      const { code, retryAfterMs } = fault;
      throw new FustorError(code, `planned: ${code}`, {
        retryable: true,
        ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
      });
    }
    const answer = act();
    recorded.accepted = true;
    if (fault?.kind === "answer_lost")
      throw new FustorError("FUSTOR_SENDER_UNREACHABLE", "planned: the answer was lost");
    return answer;
  }
}

const aborted = (): FustorError => new FustorError("FUSTOR_ABORTED", "the call was cancelled");

function pause(delayMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const cancel = (): void => {
      clearTimeout(timer);
      clearImmediate(immediate);
      reject(aborted());
    };
    const done = (): void => {
      signal.removeEventListener("abort", cancel);
      resolve();
    };
    const timer = delayMs > 0 ? setTimeout(done, delayMs) : undefined;
    const immediate = delayMs > 0 ? undefined : setImmediate(done);
    signal.addEventListener("abort", cancel, { once: true });
  });
}
