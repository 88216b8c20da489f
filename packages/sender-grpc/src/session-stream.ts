/**
 * One stream to the receiver: requests with their answers, and batches in parts. It ends as a whole: whatever breaks it
 * fails every request that waits, and the next one needs a new stream.
 */
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import type { ServiceError } from "@grpc/grpc-js";
import { type Envelope, excerpt, type FustorError } from "fustor-agent/sdk";
import { batchParts } from "./batch-parts.ts";
import type { Channel, OpenCall } from "./channel.ts";
import { aborted, badAnswer, type Route, refusal, streamFailure, timedOut, unreachable } from "./failures.ts";
import { type Answer, RequestSchema } from "./gen/fustor/v1/receiver_pb.ts";
import type { Outgoing } from "./wire.ts";

export type AnswerKind = Exclude<Answer["kind"], { case: "refusal" } | { case: undefined }>;
type AnswerCase = AnswerKind["case"];
export type AnswerValue<C extends AnswerCase> = Extract<AnswerKind, { case: C }>["value"];
type RequestKind = NonNullable<MessageInitShape<typeof RequestSchema>["kind"]>;

/** How many parts may be under way before the next one is written: a request beside them waits for no more. */
const PARTS_UNDER_WAY = 4;

export interface Bounds {
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

interface Waiting {
  readonly route: Route;
  settle(answer: Answer["kind"]): void;
  fail(error: Error): void;
}

export class SessionStream {
  readonly #channel: Channel;
  readonly #open: OpenCall;
  readonly #waiting = new Map<number, Waiting>();
  #calls = 0;
  #ended: FustorError | undefined;

  constructor(channel: Channel) {
    this.#channel = channel;
    this.#open = channel.open();
    const { call } = this.#open;
    call.on("data", (answer: Answer) => this.#waiting.get(answer.call)?.settle(answer.kind));
    call.on("error", ({ code, details }: ServiceError) =>
      this.#end(streamFailure(channel.address, code, excerpt(channel.hide(details ?? "")))),
    );
    call.on("end", () => this.#end(unreachable(`${channel.address} ended the stream`)));
  }

  get isOpen(): boolean {
    return this.#ended === undefined;
  }

  /** Asks, and resolves with the answer of the kind that belongs to it. */
  async ask<C extends AnswerCase>(route: Route, kind: RequestKind, wanted: C, bounds: Bounds): Promise<AnswerValue<C>> {
    const call = ++this.#calls;
    const answered = this.#answerTo(call, route, wanted, bounds);
    void this.#write(create(RequestSchema, { call, kind }));
    return answered;
  }

  /** Sends a batch. `made` learns how many bytes it takes, when all of the rows were copied. */
  async push(
    envelope: Envelope,
    bounds: Bounds,
    made: (bytes: number) => void,
  ): Promise<AnswerValue<"acknowledgement">> {
    const call = ++this.#calls;
    const parts = batchParts(call, envelope);
    made(parts.reduce((sum, { byteLength }) => sum + byteLength, 0));
    const answered = this.#answerTo(call, "ingest", "acknowledgement", bounds);
    void this.#writeParts(call, parts);
    return answered;
  }

  /** Ends the stream and the connection at once. */
  cancel(): void {
    this.#end(unreachable("the stream was closed"));
    this.#open.call.cancel();
  }

  async #writeParts(call: number, parts: readonly Buffer[]): Promise<void> {
    const underWay: Promise<void>[] = [];
    for (const part of parts) {
      // It was refused, or nothing waits for it any more: the receiver forgets what it has of it with the next request.
      if (!this.#waiting.has(call)) return;
      underWay.push(this.#write(part));
      if (underWay.length > PARTS_UNDER_WAY) await underWay.shift();
    }
  }

  /** Resolves when the message is on its way, or the stream is broken. */
  #write(message: Outgoing): Promise<void> {
    if (!this.isOpen) return Promise.resolve();
    return new Promise((resolve) => this.#open.call.write(message, () => resolve()));
  }

  #answerTo<C extends AnswerCase>(
    call: number,
    route: Route,
    wanted: C,
    { timeoutMs, signal }: Bounds,
  ): Promise<AnswerValue<C>> {
    if (this.#ended !== undefined) return Promise.reject(this.#ended);
    if (signal.aborted) return Promise.reject(aborted(route));
    const answered = new Promise<AnswerKind["value"]>((resolve, reject) => {
      const timer = setTimeout(() => this.#giveUp(call, timedOut(this.#channel.address, route, timeoutMs)), timeoutMs);
      const onAbort = (): void => this.#giveUp(call, aborted(route));
      signal.addEventListener("abort", onAbort, { once: true });
      const done = (): void => {
        clearTimeout(timer);
        signal.removeEventListener("abort", onAbort);
        this.#waiting.delete(call);
      };
      const fail = (error: Error): void => {
        done();
        reject(error);
      };
      const settle = (answer: Answer["kind"]): void => {
        if (answer.case === wanted) {
          done();
          resolve(answer.value);
        } else fail(this.#unwanted(route, answer));
      };
      this.#waiting.set(call, { route, settle, fail });
    });
    return answered as Promise<AnswerValue<C>>;
  }

  #unwanted(route: Route, answer: Answer["kind"]): FustorError {
    const { address, hide } = this.#channel;
    if (answer.case === "refusal") {
      return refusal(address, route, answer.value.status, excerpt(hide(answer.value.detail)));
    }
    return badAnswer(`${address} answers ${route} with ${answer.case ?? "nothing"}`);
  }

  /**
   * Half a batch cannot be taken back, and a stream that answers nothing is of no use. While a batch is under way a slow
   * answer to something else proves nothing.
   */
  #giveUp(call: number, error: FustorError): void {
    const waiting = this.#waiting.get(call);
    if (waiting === undefined) return;
    waiting.fail(error);
    const isBatch = waiting.route === "ingest";
    const isSilent = error.code !== "FUSTOR_ABORTED" && this.#waiting.size === 0;
    if (isBatch || isSilent) this.cancel();
  }

  #end(error: FustorError): void {
    if (this.#ended !== undefined) return;
    this.#ended = error;
    for (const { fail } of [...this.#waiting.values()]) fail(error);
    this.#open.close();
  }
}
