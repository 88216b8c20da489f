/** Every stream of the receiver: who may open one, and which of them has a session. */
import { type ServerDuplexStream, status } from "@grpc/grpc-js";
import type { Logger, ReceiverDesk } from "fustor-agent/sdk";
import type { Answer, Request } from "../gen/fustor/v1/receiver_pb.ts";
import { KEY_NAME } from "../wire.ts";
import { AgentStream } from "./agent-stream.ts";

/** For each push key. */
const STREAMS_PER_PIPE = 64;
/** Streams that are not read at the moment, each with a window of data and some messages. Agents never need it. */
const MOST_UNREAD = 4;

export type Call = ServerDuplexStream<Request, Answer>;

export class AgentStreams {
  readonly #desk: ReceiverDesk;
  readonly #logger: Logger;
  readonly #ofPipe = new Map<string, Set<AgentStream>>();
  readonly #ofSession = new Map<string, AgentStream>();
  #unread = 0;

  constructor(desk: ReceiverDesk, logger: Logger) {
    this.#desk = desk;
    this.#logger = logger;
  }

  /** The key is checked before the first message is read. */
  take(call: Call): void {
    const key = call.metadata.get(KEY_NAME)[0]?.toString();
    const owner = this.#desk.identify(key);
    if (!("pipe" in owner)) {
      refuse(call, status.UNAUTHENTICATED, String(owner.body.detail));
      return;
    }
    const ofPipe = this.#ofPipe.get(owner.pipe) ?? new Set();
    if (ofPipe.size >= STREAMS_PER_PIPE) {
      refuse(call, status.RESOURCE_EXHAUSTED, "Too many streams of this key are open");
      return;
    }
    this.#ofPipe.set(owner.pipe, ofPipe);
    const stream = new AgentStream(call, owner.pipe, this.#desk, this.#logger, {
      isWelcome: () => "pipe" in this.#desk.identify(key),
      hasSession: (sessionId) => this.#give(sessionId, stream),
      mayHold: () => this.#unread < MOST_UNREAD,
      holds: (change) => {
        this.#unread += change;
      },
      ended: (sessionId) => {
        ofPipe.delete(stream);
        if (sessionId !== undefined && this.#ofSession.get(sessionId) === stream) this.#ofSession.delete(sessionId);
      },
    });
    ofPipe.add(stream);
  }

  close(): void {
    for (const streams of this.#ofPipe.values())
      for (const stream of [...streams]) stream.end(status.UNAVAILABLE, "Fusion ends");
  }

  /** A batch whose parts came over the older stream is not applied any more. */
  #give(sessionId: string, stream: AgentStream): void {
    this.#ofSession.get(sessionId)?.end(status.ABORTED, "Another stream was attached to the session");
    this.#ofSession.set(sessionId, stream);
  }
}

function refuse(call: Call, code: status, details: string): void {
  call.on("error", () => undefined);
  call.emit("error", { code, details });
}
