/**
 * A sender for tests that stands before another one: it writes every call down, and every call can be made to fail, to hang or
 * to lose its answer.
 */
import {
  type Acknowledgement,
  type CallOptions,
  type Envelope,
  envelopeRowCount,
  FustorError,
  type FustorErrorCode,
  type HeartbeatAnswer,
  type HeartbeatRequest,
  type Row,
  type RowData,
  type SenderDriver,
  type SentinelTask,
  type SentinelUpdate,
  type Session,
  type SessionRequest,
} from "../../src/sdk/index.ts";

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
  | { readonly kind: "slow"; readonly delayMs: number }
  /** Answered, and the answer asks for a snapshot although Fusion needs none. */
  | { readonly kind: "asks_for_snapshot" };

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
  /** It took effect, whether or not the answer arrived. */
  accepted: boolean;
}

const decoder = new TextDecoder();

export function rowsOf(data: RowData): readonly Row[] {
  if (data.kind === "objects") return data.rows.map((row) => structuredClone(row));
  return data.slices.flatMap((slice) => JSON.parse(`[${decoder.decode(slice)}]`) as Row[]);
}

type CallFacts = Omit<RecordedCall, "at" | "accepted">;

export class FaultySender<T extends Required<Omit<SenderDriver, "bytesSent" | "probe" | "takeCredential">>>
  implements SenderDriver
{
  readonly calls: RecordedCall[] = [];
  readonly #inner: T;
  #plan: FaultPlan = () => undefined;

  constructor(inner: T) {
    this.#inner = inner;
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

  createSession(request: SessionRequest, options: CallOptions): Promise<Session> {
    return this.#call({ call: "createSession", request }, options, () => this.#inner.createSession(request, options));
  }

  getLatestCommittedIndex(sessionId: string, options: CallOptions): Promise<number | undefined> {
    const facts: CallFacts = { call: "getLatestCommittedIndex", sessionId };
    return this.#call(facts, options, () => this.#inner.getLatestCommittedIndex(sessionId, options));
  }

  heartbeat(sessionId: string, request: HeartbeatRequest, options: CallOptions): Promise<HeartbeatAnswer> {
    const facts: CallFacts = { call: "heartbeat", sessionId, request };
    return this.#call(facts, options, () => this.#inner.heartbeat(sessionId, request, options));
  }

  push(sessionId: string, envelope: Envelope, options: CallOptions): Promise<Acknowledgement> {
    const facts: CallFacts = { call: "push", sessionId, envelope: received(sessionId, envelope) };
    return this.#call(facts, options, () => this.#inner.push(sessionId, envelope, options));
  }

  closeSession(sessionId: string, options: CallOptions): Promise<void> {
    return this.#call({ call: "closeSession", sessionId }, options, () => this.#inner.closeSession(sessionId, options));
  }

  getSentinelTasks(sessionId: string, options: CallOptions): Promise<SentinelTask | undefined> {
    const facts: CallFacts = { call: "getSentinelTasks", sessionId };
    return this.#call(facts, options, () => this.#inner.getSentinelTasks(sessionId, options));
  }

  sendSentinelFeedback(sessionId: string, updates: readonly SentinelUpdate[], options: CallOptions): Promise<void> {
    const facts: CallFacts = { call: "sendSentinelFeedback", sessionId };
    return this.#call(facts, options, () => this.#inner.sendSentinelFeedback(sessionId, updates, options));
  }

  close(): Promise<void> {
    return this.#inner.close();
  }

  async #call<A>(facts: CallFacts, { signal }: CallOptions, act: () => Promise<A>): Promise<A> {
    const recorded: RecordedCall = { ...facts, at: performance.now(), accepted: false };
    this.calls.push(recorded);
    if (signal.aborted) throw aborted();
    const fault = this.#plan(facts.call, facts.envelope);
    if (fault?.kind === "deaf") await new Promise<never>(() => undefined);
    // Even the fastest answer comes in a later turn, as from a socket.
    await pause(fault?.kind === "slow" ? fault.delayMs : fault?.kind === "hang" ? 2 ** 31 - 1 : 0, signal);
    if (fault?.kind === "fail") throw planned(fault);
    const answer = await act();
    recorded.accepted = true;
    if (fault?.kind === "answer_lost")
      throw new FustorError("FUSTOR_SENDER_UNREACHABLE", "planned: the answer was lost");
    return fault?.kind === "asks_for_snapshot" ? { ...answer, snapshotNeeded: true } : answer;
  }
}

/** The envelope with its rows as objects; the buffers belong to the source and are filled again later. */
function received(sessionId: string, envelope: Envelope): ReceivedEnvelope {
  const events = envelope.events.map(({ eventType, messageSource, fields, index, rows }) => ({
    eventType,
    messageSource,
    fields,
    index,
    rows: rowsOf(rows),
  }));
  if (events.some(({ rows }) => rows.length === 0)) throw new Error("an event without rows was sent");
  const rows = events.reduce((sum, event) => sum + event.rows.length, 0);
  if (rows !== envelopeRowCount(envelope)) throw new Error("an event's count differs from its rows");
  return { ...envelope, sessionId, events };
}

function planned({ code, retryAfterMs }: Extract<SenderFault, { readonly kind: "fail" }>): FustorError {
  const after = retryAfterMs === undefined ? {} : { retryAfterMs };
  return new FustorError(code, `planned: ${code}`, { retryable: true, ...after });
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
