/**
 * One stream of an agent. Batches are taken one after the other, and a heartbeat is answered beside them. Nothing further
 * is read while answers wait for the client to read, while the next batch waits for the one before it, or while the desk
 * has enough to do: what a client sends then stays with the client.
 */
import { create } from "@bufbuild/protobuf";
import { status } from "@grpc/grpc-js";
import { describeError, type Logger, type ReceiverDesk } from "fustor-agent/sdk";
import { type Answer, AnswerSchema, type BatchPart, type Request } from "../gen/fustor/v1/receiver_pb.ts";
import type { Call } from "./agent-streams.ts";
import * as answers from "./answers.ts";
import { batchBody } from "./batch-body.ts";
import { GrowingBatch } from "./growing-batch.ts";

/** For the first request of a stream. */
const FIRST_MS = 10_000;
/** For the next part of a batch that has begun, and for a client to read its answers. */
const STALLED_MS = 60_000;

/** Requests of one stream that the desk has at a time. */
const MOST_ASKED = 8;

type Kind = Answer["kind"];

export interface StreamOwner {
  /** Whether the key with which the stream was opened is still valid. */
  isWelcome(): boolean;
  hasSession(sessionId: string): void;
  /** Whether one more stream may stay unread. */
  mayHold(): boolean;
  holds(change: 1 | -1): void;
  ended(sessionId: string | undefined): void;
}

export class AgentStream {
  readonly #call: Call;
  readonly #pipe: string;
  readonly #desk: ReceiverDesk;
  readonly #logger: Logger;
  readonly #owner: StreamOwner;
  readonly #batch: GrowingBatch;
  #sessionId: string | undefined;
  #isOver = false;
  /** Reasons to read nothing. */
  #holds = 0;
  #asked = 0;
  #ingesting: Promise<unknown> | undefined;
  #first: NodeJS.Timeout;
  #nextPart: NodeJS.Timeout | undefined;
  #toBeRead: NodeJS.Timeout | undefined;

  constructor(call: Call, pipe: string, desk: ReceiverDesk, logger: Logger, owner: StreamOwner) {
    this.#call = call;
    this.#pipe = pipe;
    this.#desk = desk;
    this.#logger = logger;
    this.#owner = owner;
    this.#batch = new GrowingBatch(desk);
    call.on("data", (request: Request) => this.#take(request));
    call.on("error", () => this.#forget());
    call.on("cancelled", () => this.#forget());
    call.on("end", () => this.end(status.OK, ""));
    this.#first = this.#endAfter(FIRST_MS, "No session was opened in time");
  }

  /** Ends the stream; the session stays. */
  end(code: status, details: string): void {
    if (this.#isOver) return;
    this.#forget();
    if (code === status.OK) this.#call.end();
    else this.#call.emit("error", { code, details });
  }

  #forget(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    if (this.#holds > 0) this.#owner.holds(-1);
    for (const timer of [this.#first, this.#nextPart, this.#toBeRead]) clearTimeout(timer);
    this.#batch.drop();
    this.#owner.ended(this.#sessionId);
  }

  #endAfter(ms: number, what: string): NodeJS.Timeout {
    return setTimeout(() => this.end(status.DEADLINE_EXCEEDED, what), ms);
  }

  #take(request: Request): void {
    if (this.#isOver) return;
    if (request.kind.case !== "part" || this.#ingesting === undefined) {
      this.#handle(request);
      return;
    }
    this.#hold();
    void this.#ingesting.then(() => {
      if (!this.#isOver) this.#handle(request);
      this.#release();
    });
  }

  #handle(request: Request): void {
    if (!this.#owner.isWelcome()) {
      this.end(status.UNAUTHENTICATED, "Invalid API key");
      return;
    }
    try {
      const kind = this.#decide(request);
      if (kind instanceof Promise) this.#later(request, kind);
      else this.#answer(request.call, kind);
    } catch (error) {
      this.#broken(error);
    }
    if (request.kind.case === "part") this.#awaitPart();
  }

  /** Heartbeats do not make a batch that is not whole last longer. */
  #awaitPart(): void {
    clearTimeout(this.#nextPart);
    if (this.#isOver || !this.#batch.isGrowing) return;
    this.#nextPart = this.#endAfter(STALLED_MS, "The next part of a batch did not come in time");
  }

  #later({ call, kind: { case: asked } }: Request, kind: Promise<Kind>): void {
    const isAlone = asked === "open";
    if (isAlone) this.#call.pause();
    else if (++this.#asked === MOST_ASKED) this.#hold();
    const settled = kind
      .then((answer) => this.#answer(call, answer))
      .catch((error: unknown) => this.#broken(error))
      .then(() => {
        if (this.#ingesting === settled) this.#ingesting = undefined;
        if (isAlone && this.#holds === 0 && !this.#isOver) this.#call.resume();
        if (!isAlone && this.#asked-- === MOST_ASKED) this.#release();
      });
    if (asked === "part") this.#ingesting = settled;
  }

  #hold(): void {
    if (this.#isOver || this.#holds++ > 0) return;
    this.#call.pause();
    if (this.#owner.mayHold()) {
      this.#owner.holds(1);
      return;
    }
    this.#holds = 0;
    this.end(status.RESOURCE_EXHAUSTED, "Too much is sent that cannot be taken now");
  }

  #release(): void {
    if (this.#isOver || --this.#holds > 0) return;
    this.#owner.holds(-1);
    this.#call.resume();
  }

  #broken(error: unknown): void {
    this.#logger.error({ error: describeError(error) }, "a request over gRPC failed");
    this.end(status.UNAVAILABLE, "Internal error");
  }

  /** Undefined: nothing is answered yet. */
  #decide(request: Request): Kind | Promise<Kind> | undefined {
    const { kind, call } = request;
    if (kind.case === "part") return this.#part(call, kind.value);
    switch (kind.case) {
      case "open":
        return this.#opened(answers.sessionBody(kind.value));
      case "attach":
        return this.#attached(kind.value.sessionId);
      case "probe":
        return answers.probed(this.#pipe);
      default:
        return this.#ofSession(kind);
    }
  }

  async #opened(body: object): Promise<Kind> {
    if (this.#sessionId !== undefined) return this.#second();
    const answer = await this.#desk.openSession(this.#pipe, body, this.#call.getPeer().replace(/:\d+$/, ""));
    const kind = answers.opened(answer);
    if (kind.case === "opened") this.#has(kind.value.sessionId);
    return kind;
  }

  #attached(sessionId: string): Kind {
    if (this.#sessionId !== undefined) return this.#second();
    if (!this.#desk.knows(this.#pipe, sessionId)) return answers.refused(404, "Session not found or expired");
    this.#has(sessionId);
    return answers.DONE;
  }

  #has(sessionId: string): void {
    // The client may be gone by now.
    if (this.#isOver) return;
    clearTimeout(this.#first);
    this.#sessionId = sessionId;
    this.#owner.hasSession(sessionId);
  }

  #second(): Kind {
    this.end(status.INVALID_ARGUMENT, "The stream has a session already");
    return { case: undefined };
  }

  #ofSession(kind: Request["kind"]): Kind | Promise<Kind> {
    const [pipe, id] = [this.#pipe, this.#sessionId];
    if (id === undefined) return this.#early();
    switch (kind.case) {
      case "heartbeat":
        return answers.beaten(this.#desk.heartbeat(pipe, id, { can_realtime: kind.value.canRealtime }));
      case "position":
        if (!this.#desk.knows(pipe, id)) return answers.refused(404, "Session not found or expired");
        return answers.positioned(this.#desk.position(pipe, id));
      case "sentinelTasks":
        return answers.asked(this.#desk.sentinelTask(pipe));
      case "sentinelFeedback":
        return answers.done(this.#desk.sentinelFeedback(pipe, answers.feedbackBody(kind.value)));
      case "close":
        return answers.done(this.#desk.closeSession(pipe, id));
      default:
        this.end(status.INVALID_ARGUMENT, "The request is of no kind that this receiver knows");
        return { case: undefined };
    }
  }

  #early(): Kind {
    this.end(status.INVALID_ARGUMENT, "The first request has to open or attach a session");
    return { case: undefined };
  }

  #part(call: number, part: BatchPart): Kind | Promise<Kind> | undefined {
    const [pipe, id] = [this.#pipe, this.#sessionId];
    if (id === undefined) return this.#early();
    // A client without a session gets no memory.
    const isKnown = this.#batch.has(call) || this.#desk.knows(pipe, id);
    const taken = isKnown ? this.#batch.take(call, part) : answers.refused(404, "Session not found or expired");
    if (taken === "more") return undefined;
    if (!Buffer.isBuffer(taken)) return taken;
    try {
      const body = batchBody(taken, this.#desk);
      return "case" in body ? body : answers.acknowledged(this.#desk.ingest(pipe, id, body.value));
    } finally {
      this.#batch.drop();
    }
  }

  #answer(call: number, kind: Kind | undefined): void {
    if (this.#isOver || kind === undefined || kind.case === undefined) return;
    if (this.#call.write(create(AnswerSchema, { call, kind }))) return;
    this.#hold();
    // Of the oldest answer that is not read; a drain is of all of them.
    this.#toBeRead ??= this.#endAfter(STALLED_MS, "The answers were not read");
    this.#call.once("drain", () => {
      clearTimeout(this.#toBeRead);
      this.#toBeRead = undefined;
      this.#release();
    });
  }
}
