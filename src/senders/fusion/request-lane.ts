/**
 * One connection and the requests that share it, one after the other.
 *
 * Every request is raced against its deadline here, and whatever fails takes the HTTP client and its connection along:
 * the next request begins with fresh ones. A client that was left with a failed connect or an aborted request may never
 * send anything again.
 */
import type { Socket } from "node:net";
import type { Client as UndiciClient } from "undici";
import { type Answered, readAnswer } from "./answer-body.ts";
import { Opening, type OpeningStage, type TlsSessions } from "./connect.ts";
import type { Deadline } from "./deadline.ts";
import type { FusionEndpoint } from "./fusion-options.ts";
import { InterimFilter } from "./interim-filter.ts";
import { Client } from "./undici-parts.ts";

export interface LaneRequest {
  readonly method: "GET" | "POST" | "DELETE";
  readonly path: string;
  readonly headers: Record<string, string>;
  readonly body: string | Buffer | null;
  readonly timeoutMs: number;
  /** Names the answer in errors. */
  readonly source: string;
}

export interface LaneParts {
  readonly endpoint: FusionEndpoint;
  readonly sessions: TlsSessions;
}

/** The deadline of each request rules over headers and body alike. Redirects are not followed: undici's default. */
const CLIENT_OPTIONS = { headersTimeout: 0, bodyTimeout: 0, pipelining: 1 } as const;

export class RequestLane {
  readonly #parts: LaneParts;
  readonly #interim = new InterimFilter();
  #client: UndiciClient | undefined;
  #opening: Opening | undefined;
  #socket: Socket | undefined;
  /** Of the request whose turn it is. */
  #timeoutMs = 0;
  #turn: Promise<void> = Promise.resolve();

  constructor(parts: LaneParts) {
    this.#parts = parts;
  }

  /** What the request under way waits for, as far as its connection goes. */
  get stage(): OpeningStage {
    return this.#opening?.stage ?? "none";
  }

  /** Whether the kernel has taken every byte so far, so that nothing reads the bodies any more. */
  isFlushed(): boolean {
    const socket = this.#socket;
    return socket === undefined || socket.destroyed || socket.writableLength === 0;
  }

  /** Rejects with what the deadline says once it is reached, whatever the connection does. */
  async send(request: LaneRequest, deadline: Deadline, onTurn: () => void): Promise<Answered> {
    const before = this.#turn;
    let over: () => void = () => undefined;
    const mine = new Promise<void>((resolve) => {
      over = resolve;
    });
    // Who gives up in the queue must not let those behind pass the one in front.
    this.#turn = before.then(() => mine);
    try {
      await Promise.race([before, deadline.reached]);
      onTurn();
      return await this.#attempt(request, deadline);
    } finally {
      over();
    }
  }

  async #attempt(request: LaneRequest, deadline: Deadline): Promise<Answered> {
    this.#timeoutMs = request.timeoutMs;
    this.#interim.expectAnswer();
    const answer = this.#exchange(request);
    answer.catch(() => undefined);
    try {
      return await Promise.race([answer, deadline.reached]);
    } catch (error) {
      this.discard();
      throw error;
    }
  }

  async #exchange({ method, path, headers, body, source }: LaneRequest): Promise<Answered> {
    this.#client ??= new Client(this.#parts.endpoint.origin, {
      ...CLIENT_OPTIONS,
      connect: (_options, callback) => this.#open(callback as (error: Error | null, socket: Socket | null) => void),
    });
    return await readAnswer(await this.#client.request({ method, path, headers, body }), source);
  }

  #open(callback: (error: Error | null, socket: Socket | null) => void): void {
    const { endpoint, sessions } = this.#parts;
    this.#opening?.cancel();
    this.#opening = new Opening(endpoint, this.#timeoutMs, sessions, (error, socket) => {
      if (socket !== null) {
        this.#interim.watch(socket);
        this.#socket = socket;
      }
      callback(error, socket);
    });
  }

  /** Drops the connection and whatever is under way on it; the next request opens another one. */
  discard(): void {
    const client = this.#client;
    this.#client = undefined;
    this.#opening?.cancel();
    this.#opening = undefined;
    this.#socket?.destroy();
    this.#socket = undefined;
    client?.destroy().catch(() => undefined);
  }
}
