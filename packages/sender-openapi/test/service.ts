/** A service in the process of the test: it answers as it is told, and writes down what it was asked. */
import { createServer, type IncomingHttpHeaders, type RequestListener, type Server } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo, Socket } from "node:net";
import type { Row } from "fustor-agent/sdk";

export interface Asked {
  readonly route: string;
  readonly query: Readonly<Record<string, string>>;
  readonly headers: IncomingHttpHeaders;
  /** Undefined: none. */
  readonly body: Readonly<Record<string, unknown>> | undefined;
}

export interface Answer {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** Text as it is, anything else as JSON. */
  readonly body?: unknown;
  /** No answer at all: the request hangs, or the connection is closed. */
  readonly instead?: "hang" | "close";
}

/** Undefined: what a service does that is content. */
export type Rule = (asked: Asked) => Answer | undefined;

const POSTS = ["/ingest-batch", "/heartbeat", "/session"];

/** A document with these paths; `more` stands beside them. */
export const documentOf = (paths: object = {}, more: object = {}) => ({
  openapi: "3.1.0",
  info: { title: "test", version: "1" },
  paths: {
    ...Object.fromEntries(POSTS.map((path) => [path, { post: {} }])),
    "/session/{session_id}": { delete: {} },
    "/pipeline-status": { get: {} },
    ...paths,
  },
  ...more,
});

/** Without sessions and heartbeats, as the first guide had it. */
export const plainDocument = () => ({
  openapi: "3.1.0",
  info: { title: "test", version: "1" },
  "x-fuagent-status-endpoint": "/state",
  paths: { "/ingest-batch": { post: {} }, "/state": { get: {} } },
});

export interface Tls {
  readonly key: string;
  readonly cert: string;
}

export class Service {
  readonly asked: Asked[] = [];
  document: unknown = documentOf();
  rule: Rule = () => undefined;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #sessions = 0;

  constructor(tls?: Tls) {
    const listener: RequestListener = async (request, response) => {
      const url = new URL(request.url ?? "/", "http://service");
      const text = Buffer.concat(await request.toArray().catch(() => [])).toString("utf8");
      const asked: Asked = {
        route: `${request.method} ${url.pathname}`,
        query: Object.fromEntries(url.searchParams),
        headers: request.headers,
        body: text === "" ? undefined : JSON.parse(text),
      };
      this.asked.push(asked);
      const { status = 200, headers = {}, body, instead } = this.rule(asked) ?? this.#content(asked);
      if (instead === "close") request.socket.destroy();
      if (instead !== undefined) return;
      const bytes = typeof body === "string" ? body : JSON.stringify(body ?? {});
      response.writeHead(status, { "content-type": "application/json", ...headers }).end(bytes);
    };
    this.#server = tls === undefined ? createServer(listener) : createTlsServer(tls, listener);
    this.#server.on("connection", (socket: Socket) => {
      this.#sockets.add(socket);
      socket.once("close", () => this.#sockets.delete(socket));
    });
  }

  async listen(): Promise<this> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
    return this;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get uri(): string {
    return `http://127.0.0.1:${this.port}/openapi.json`;
  }

  get connections(): number {
    return this.#sockets.size;
  }

  of(route: string): readonly Asked[] {
    return this.asked.filter((each) => each.route === route);
  }

  received(): readonly Row[] {
    const events = this.of("POST /ingest-batch").flatMap(({ body }) => body?.events as readonly { rows: Row[] }[]);
    return events.flatMap(({ rows }) => rows);
  }

  takeAway(): Promise<void> {
    return this.close();
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  #content({ route }: Asked): Answer {
    if (route === "GET /openapi.json") return { body: this.document };
    if (route === "POST /session") return { body: { session_id: `session-${++this.#sessions}` } };
    if (route === "GET /pipeline-status" || route === "GET /state") return { body: 0 };
    return { body: { snapshot_needed: false } };
  }
}
