/**
 * A receiver for tests: a real HTTP(S) server on loopback with the receiver's routes. It records every request and
 * answers like a Fusion that is content, until a test scripts something else per route.
 *
 *     const receiver = await startRecordingReceiver();
 *     receiver.next("ingest", { kind: "answer", status: 503, headers: { "retry-after": "2" } });
 *     ...
 *     await receiver.waitFor("ingest", 1);
 *     await receiver.close();
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createTlsServer, Server as TlsServer } from "node:https";
import type { AddressInfo, Socket } from "node:net";
import { gunzipSync } from "node:zlib";
import { lasting } from "./wait-for.ts";

export type ReceiverRoute = "create" | "position" | "heartbeat" | "ingest" | "delete" | "other";

export interface RecordedRequest {
  readonly route: ReceiverRoute;
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingMessage["headers"];
  /** As it came; what arrived so far when {@link complete} is false. */
  readonly rawBody: Buffer;
  /** Without its gzip. */
  readonly body: Buffer;
  /** The whole request arrived. */
  readonly complete: boolean;
  /** Counts connections from 1: equal numbers are one kept-alive connection. */
  readonly connection: number;
  /** The body as JSON; throws when it is none. */
  json(): Record<string, unknown>;
}

/** What the receiver does with one request. Durations in milliseconds. */
export type Behaviour =
  | {
      readonly kind: "answer";
      /** Default 200. */
      readonly status?: number;
      readonly headers?: Readonly<Record<string, string>>;
      /** The body: an object goes as JSON, a text as it is. Default `{}`. */
      readonly body?: object | string;
      /** Waits before the answer. */
      readonly delayMs?: number;
      /** The answer's body goes out in pieces. */
      readonly trickle?: { readonly chunkBytes: number; readonly everyMs: number };
      /** Reads one chunk of the request's body, then rests for so long, and so on. */
      readonly readEveryMs?: number;
    }
  /** RST: with the first bytes of the request's body, after the whole request, or half-way through the answer. */
  | { readonly kind: "reset"; readonly when: "in-request" | "after-request" | "in-answer" }
  /** Half-open: reads the request and never says anything. */
  | { readonly kind: "silence" }
  /**
   * Takes the connection and the headers, and reads nothing more until {@link RecordingReceiver.readOn}; then it is
   * content.
   */
  | { readonly kind: "stall" };

export interface ReceiverOptions {
  /** Default: any free one. */
  readonly port?: number;
  /** PEM texts; makes it https. */
  readonly tls?: TlsIdentity;
}

export interface TlsIdentity {
  readonly key: string;
  readonly cert: string;
}

export interface RecordingReceiver {
  readonly url: string;
  readonly port: number;
  /** In the order in which they were complete (or broke off). */
  readonly requests: readonly RecordedRequest[];
  /** The requests of one route. */
  of(route: ReceiverRoute): readonly RecordedRequest[];
  /** Scripts the next requests of a route, one each, after those scripted before. */
  next(route: ReceiverRoute, ...behaviours: Behaviour[]): void;
  /** What a route does when nothing is scripted. */
  always(route: ReceiverRoute, behaviour: Behaviour | ((request: RecordedRequest) => Behaviour)): void;
  /** Resolves once a route has recorded so many requests, broken ones included; with all of them. */
  waitFor(route: ReceiverRoute, count: number): Promise<readonly RecordedRequest[]>;
  /** Resolves once so many requests of a route have arrived with their headers, read or not. */
  waitForArrival(route: ReceiverRoute, count: number): Promise<void>;
  /** Ends every stall. */
  readOn(): void;
  /** Shows another certificate to whoever connects from now on. */
  present(tls: TlsIdentity): void;
  /** Drops all connections and stops to listen. Idempotent. */
  close(): Promise<void>;
}

const ROUTES: readonly (readonly [ReceiverRoute, string, RegExp])[] = [
  ["create", "POST", /^\/api\/v1\/pipe\/session\/$/],
  ["position", "GET", /^\/api\/v1\/pipe\/session\/[^/]+\/position$/],
  ["heartbeat", "POST", /^\/api\/v1\/pipe\/session\/[^/]+\/heartbeat$/],
  ["ingest", "POST", /^\/api\/v1\/pipe\/ingest\/[^/]+\/events$/],
  ["delete", "DELETE", /^\/api\/v1\/pipe\/session\/[^/]+$/],
];

const routeOf = (method: string, path: string): ReceiverRoute =>
  ROUTES.find(([, wanted, pattern]) => wanted === method && pattern.test(path))?.[0] ?? "other";

function contentAnswer(route: ReceiverRoute, sessionNumber: number): Behaviour {
  switch (route) {
    case "create": {
      const session_id = `5e551011-0000-4000-8000-${String(sessionNumber).padStart(12, "0")}`;
      const body = { session_id, role: "leader", session_timeout_seconds: 30, audit_interval_sec: null };
      return {
        kind: "answer",
        body: { ...body, sentinel_interval_sec: null, message: "Session created successfully" },
      };
    }
    case "heartbeat":
      return {
        kind: "answer",
        body: { status: "ok", role: "leader", message: null, can_realtime: null, commands: [] },
      };
    case "ingest":
      return { kind: "answer", body: { status: "ok", count: 0 } };
    case "delete":
      return { kind: "answer", body: { status: "terminated" } };
    case "position":
    case "other":
      return { kind: "answer", status: 404, body: { detail: "Not Found" } };
  }
}

/** Calls back each waiter whose condition has come true. */
class Waiters {
  #waiting: { readonly isTrue: () => boolean; readonly resolve: () => void }[] = [];

  until(isTrue: () => boolean): Promise<void> {
    if (isTrue()) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push({ isTrue, resolve }));
  }

  check(): void {
    const due = this.#waiting.filter((waiter) => waiter.isTrue());
    this.#waiting = this.#waiting.filter((waiter) => !due.includes(waiter));
    for (const waiter of due) waiter.resolve();
  }
}

class Receiver {
  readonly requests: RecordedRequest[] = [];
  readonly arrivals = new Map<ReceiverRoute, number>();
  readonly waiters = new Waiters();
  readonly scripted = new Map<ReceiverRoute, Behaviour[]>();
  readonly standing = new Map<ReceiverRoute, Behaviour | ((request: RecordedRequest) => Behaviour)>();
  readonly #connections = new WeakMap<Socket, number>();
  #connectionCount = 0;
  #sessionCount = 0;
  #stalled: (() => void)[] = [];

  connected(socket: Socket): void {
    this.#connections.set(socket, ++this.#connectionCount);
  }

  readOn(): void {
    for (const resume of this.#stalled.splice(0)) resume();
  }

  async serve(message: IncomingMessage, response: ServerResponse): Promise<void> {
    const route = routeOf(message.method ?? "", message.url ?? "");
    this.arrivals.set(route, (this.arrivals.get(route) ?? 0) + 1);
    this.waiters.check();
    response.on("error", () => undefined);
    const scripted = this.scripted.get(route)?.shift();
    const standing = this.standing.get(route);
    const settled = scripted ?? (typeof standing === "function" ? undefined : standing);
    const request = await this.#read(message, route, settled);
    this.requests.push(request);
    this.waiters.check();
    if (!request.complete) return;
    if (route === "create") this.#sessionCount++;
    const scriptedNow = settled ?? (typeof standing === "function" ? standing(request) : undefined);
    const behaviour =
      scriptedNow === undefined || scriptedNow.kind === "stall"
        ? contentAnswer(route, this.#sessionCount)
        : scriptedNow;
    if (behaviour.kind === "answer") await answer(response, behaviour);
    else if (behaviour.kind === "reset") reset(message.socket, response, behaviour.when);
  }

  async #read(
    message: IncomingMessage,
    route: ReceiverRoute,
    behaviour: Behaviour | undefined,
  ): Promise<RecordedRequest> {
    const chunks: Buffer[] = [];
    try {
      if (behaviour?.kind === "stall") await new Promise<void>((resolve) => this.#stalled.push(resolve));
      for await (const chunk of message) {
        chunks.push(chunk as Buffer);
        if (behaviour?.kind === "reset" && behaviour.when === "in-request") message.socket.resetAndDestroy();
        if (behaviour?.kind === "answer" && behaviour.readEveryMs !== undefined)
          await lasting(behaviour.readEveryMs, "a slow reader");
      }
    } catch {
      // The other side broke off: recorded as incomplete.
    }
    const rawBody = Buffer.concat(chunks);
    const { complete, method = "", url = "", headers } = message;
    const body = complete && headers["content-encoding"] === "gzip" ? gunzipSync(rawBody) : rawBody;
    const connection = this.#connections.get(message.socket) ?? 0;
    const json = (): Record<string, unknown> => JSON.parse(body.toString("utf8")) as Record<string, unknown>;
    return { route, method, path: url, headers, rawBody, body, complete, connection, json };
  }
}

type AnswerBehaviour = Extract<Behaviour, { kind: "answer" }>;

async function answer(response: ServerResponse, behaviour: AnswerBehaviour): Promise<void> {
  if (behaviour.delayMs !== undefined) await lasting(behaviour.delayMs, "a slow answer");
  const { status = 200, body = {}, headers = {}, trickle } = behaviour;
  const bytes = Buffer.from(typeof body === "string" ? body : JSON.stringify(body));
  const contentType = typeof body === "string" ? "text/plain" : "application/json";
  response.writeHead(status, { "content-type": contentType, "content-length": String(bytes.length), ...headers });
  if (trickle !== undefined) {
    for (let at = 0; at < bytes.length && !response.destroyed; at += trickle.chunkBytes) {
      response.write(bytes.subarray(at, at + trickle.chunkBytes));
      await lasting(trickle.everyMs, "an answer that trickles");
    }
    response.end();
    return;
  }
  response.end(bytes);
}

function reset(socket: Socket, response: ServerResponse, when: "in-request" | "after-request" | "in-answer"): void {
  if (when !== "in-answer") {
    socket.resetAndDestroy();
    return;
  }
  response.writeHead(200, { "content-type": "application/json", "content-length": "100" });
  response.write('{"status":', () => socket.resetAndDestroy());
}

export async function startRecordingReceiver(options: ReceiverOptions = {}): Promise<RecordingReceiver> {
  const receiver = new Receiver();
  const serve = (message: IncomingMessage, response: ServerResponse): void => {
    void receiver.serve(message, response);
  };
  const server = options.tls === undefined ? createServer(serve) : createTlsServer(options.tls, serve);
  server.on(options.tls === undefined ? "connection" : "secureConnection", (socket) => receiver.connected(socket));
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(options.port ?? 0, "127.0.0.1", resolve);
  });
  const { port } = server.address() as AddressInfo;
  const of = (route: ReceiverRoute): readonly RecordedRequest[] =>
    receiver.requests.filter((request) => request.route === route);
  return {
    url: `${options.tls === undefined ? "http" : "https"}://127.0.0.1:${port}`,
    port,
    requests: receiver.requests,
    of,
    next: (route, ...behaviours) => {
      receiver.scripted.set(route, [...(receiver.scripted.get(route) ?? []), ...behaviours]);
    },
    always: (route, behaviour) => {
      receiver.standing.set(route, behaviour);
    },
    waitFor: async (route, count) => {
      await receiver.waiters.until(() => of(route).length >= count);
      return of(route);
    },
    waitForArrival: (route, count) => receiver.waiters.until(() => (receiver.arrivals.get(route) ?? 0) >= count),
    readOn: () => receiver.readOn(),
    present: (tls) => {
      if (!(server instanceof TlsServer)) throw new Error("this receiver speaks plain http");
      server.setSecureContext(tls);
    },
    close: () =>
      new Promise((resolve) => {
        receiver.readOn();
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
