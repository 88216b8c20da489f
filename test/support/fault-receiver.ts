/**
 * Trouble between an agent and a Fusion: a real HTTP server that passes every request on to the Fusion behind it and, where a rule
 * says so, delays, refuses, breaks or loses it. What stands in Fusion's view afterwards can be compared with the disk.
 *
 *     const receiver = await startFaultReceiver(fusion.receiver.url);
 *     receiver.rule({ on: "snapshot", skip: 2, fault: { kind: "lost_answer" } });   // of the third batch
 *     receiver.line("refusing");                                                    // nobody listens any more
 */
import { Agent, createServer, type IncomingMessage, request, type Server, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { gunzipSync } from "node:zlib";
import { ArmedRule, describeRequest, type Fault, type FaultRule, routeOf, type SeenRequest } from "./fault-rules.ts";
import { lasting, waitFor } from "./wait-for.ts";

/** `refusing`: the port is closed. `half_open`: connections are taken, nothing is read, nobody answers. */
export type Line = "open" | "refusing" | "half_open";

export interface FaultReceiver {
  readonly url: string;
  /** In the order in which they were complete; those that were broken off are not there. */
  readonly seen: readonly SeenRequest[];
  /** The first rule that matches strikes. */
  rule(rule: FaultRule): ArmedRule;
  /** Without any rule from now on. */
  calm(): void;
  /** What becomes of connections, those that stand included. */
  line(line: Line): Promise<void>;
  /** Resolves when such a request was answered by Fusion. */
  waitForSeen(wanted: (request: SeenRequest) => boolean, what: string, timeoutMs?: number): Promise<SeenRequest>;
  close(): Promise<void>;
}

interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage["headers"];
  readonly body: Buffer;
}

const KEPT_REQUESTS = 50_000;

class GoBetween {
  readonly seen: SeenRequest[] = [];
  rules: ArmedRule[] = [];
  line: Line = "open";
  readonly #upstream: URL;
  readonly #agent = new Agent({ keepAlive: true });
  readonly #begun = performance.now();

  constructor(upstream: string) {
    this.#upstream = new URL(upstream);
  }

  close(): void {
    this.#agent.destroy();
  }

  async serve(message: IncomingMessage, response: ServerResponse): Promise<void> {
    response.on("error", () => undefined);
    if (this.line === "half_open") return;
    const { method = "", url = "" } = message;
    const route = routeOf(method, url);
    const early = this.rules.find((rule) => rule.isEarly && !rule.isSpent)?.strike({ ...route, ...NOTHING_READ });
    if (early !== undefined) {
      message.once("data", () => message.socket.resetAndDestroy());
      return;
    }
    const raw = await readAll(message);
    if (raw === undefined) return;
    const body = message.headers["content-encoding"] === "gzip" ? gunzipSync(raw) : raw;
    const seen = describeRequest(method, url, body, performance.now() - this.#begun);
    this.seen.push(seen);
    if (this.seen.length > KEPT_REQUESTS) this.seen.shift();
    await this.#treat(this.#faultFor(seen), seen, { message, response, raw });
  }

  #faultFor(seen: SeenRequest): Fault | undefined {
    for (const rule of this.rules) {
      const fault = rule.isEarly ? undefined : rule.strike(seen);
      if (fault !== undefined) return fault;
    }
    return undefined;
  }

  async #treat(fault: Fault | undefined, seen: SeenRequest, exchange: Exchange): Promise<void> {
    const { message, response } = exchange;
    if (fault?.kind === "delay") await lasting(fault.ms, fault.kind);
    if (fault?.kind === "moment" && fault.when === "before") await fault.run();
    if (fault?.kind === "last_moment") {
      await fault.run();
      return void message.socket.resetAndDestroy();
    }
    if (fault?.kind === "answer") return reply(response, fault.status, fault.headers ?? {}, bodyOf(fault.body ?? {}));
    if (fault?.kind === "reset" && fault.when === "after_request") return void message.socket.resetAndDestroy();
    if (fault?.kind === "silence" && !fault.reachesFusion) return;
    if (fault?.kind === "session_lost") {
      await this.#ask("DELETE", `/api/v1/pipe/session/${seen.sessionId}`, {}, Buffer.alloc(0));
      return reply(response, fault.status, {}, bodyOf({ detail: "Session obsoleted" }));
    }
    const answer = await this.#ask(message.method ?? "", message.url ?? "", message.headers, exchange.raw);
    if (answer === undefined) return void message.socket.resetAndDestroy();
    note(seen, answer);
    await answerAs(fault, answer, exchange);
  }

  /** Undefined: Fusion does not answer. */
  #ask(method: string, path: string, headers: IncomingMessage["headers"], body: Buffer): Promise<Answer | undefined> {
    return new Promise((resolve) => {
      const options = { method, path, agent: this.#agent, host: this.#upstream.hostname, port: this.#upstream.port };
      const kept = { ...headers, host: this.#upstream.host, "content-length": String(body.length) };
      delete kept.connection;
      delete kept["transfer-encoding"];
      const asked = request({ ...options, headers: kept }, async (answer) => {
        const read = await readAll(answer);
        resolve(
          read === undefined ? undefined : { status: answer.statusCode ?? 0, headers: answer.headers, body: read },
        );
      });
      asked.on("error", () => resolve(undefined));
      asked.end(body);
    });
  }
}

interface Exchange {
  readonly message: IncomingMessage;
  readonly response: ServerResponse;
  readonly raw: Buffer;
}

const NOTHING_READ = { at: 0, members: {}, bytes: 0, rows: 0, deleted: [], upserted: [] };

async function readAll(stream: IncomingMessage): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  try {
    for await (const chunk of stream) chunks.push(chunk as Buffer);
  } catch {
    return undefined;
  }
  return stream.complete ? Buffer.concat(chunks) : undefined;
}

const bodyOf = (body: object | string): Buffer => Buffer.from(typeof body === "string" ? body : JSON.stringify(body));

function reply(response: ServerResponse, status: number, headers: IncomingMessage["headers"], body: Buffer): void {
  const kept: IncomingMessage["headers"] = { "content-type": "application/json", ...headers };
  for (const name of ["connection", "keep-alive", "transfer-encoding"]) delete kept[name];
  response.writeHead(status, { ...kept, "content-length": String(body.length) });
  response.end(body);
}

function note(seen: SeenRequest, answer: Answer): void {
  seen.status = answer.status;
  try {
    seen.answer = JSON.parse(answer.body.toString("utf8")) as Record<string, unknown>;
  } catch {
    // No JSON: nothing to keep.
  }
}

async function answerAs(fault: Fault | undefined, answer: Answer, { message, response }: Exchange): Promise<void> {
  if (fault?.kind === "moment" && fault.when === "after") await fault.run();
  if (fault?.kind === "slow_answer") await lasting(fault.ms, fault.kind);
  if (fault?.kind === "silence") return;
  if (fault?.kind === "lost_answer") return void message.socket.resetAndDestroy();
  if (fault?.kind === "reset") {
    response.writeHead(200, { "content-type": "application/json", "content-length": "100" });
    response.write('{"status":', () => message.socket.resetAndDestroy());
    return;
  }
  const edited =
    fault?.kind === "edit"
      ? bodyOf(fault.edit(JSON.parse(answer.body.toString("utf8")) as Record<string, unknown>))
      : answer.body;
  reply(response, answer.status, answer.headers, edited);
}

const listen = (server: Server, port: number): Promise<void> =>
  new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", () => {
      server.off("error", reject);
      resolve();
    });
  });

/** Passes on to the receiver at this base URL, which need not be there yet. */
export async function startFaultReceiver(upstream: string): Promise<FaultReceiver> {
  const proxy = new GoBetween(upstream);
  const sockets = new Set<Socket>();
  const serve = (message: IncomingMessage, response: ServerResponse): void => void proxy.serve(message, response);
  const open = async (wanted: number): Promise<Server> => {
    const server = createServer({ keepAliveTimeout: 75_000 }, serve);
    server.on("connection", (socket) => {
      sockets.add(socket);
      socket.once("close", () => sockets.delete(socket));
      if (proxy.line === "half_open") socket.pause();
    });
    await listen(server, wanted);
    return server;
  };
  let server: Server | undefined = await open(0);
  const { port } = server.address() as AddressInfo;
  const shut = async (): Promise<void> => {
    const closing = server;
    server = undefined;
    for (const socket of sockets) socket.resetAndDestroy();
    if (closing !== undefined) await new Promise((resolve) => closing.close(resolve));
  };
  return {
    url: `http://127.0.0.1:${port}`,
    seen: proxy.seen,
    rule(rule) {
      const armed = new ArmedRule(rule);
      proxy.rules = [...proxy.rules.filter(({ isSpent }) => !isSpent), armed];
      return armed;
    },
    calm() {
      for (const rule of proxy.rules) rule.disarm();
      proxy.rules = [];
    },
    async line(line) {
      const before = proxy.line;
      proxy.line = line;
      if (line === "refusing") await shut();
      else if (before === "half_open") for (const socket of sockets) socket.resetAndDestroy();
      if (line !== "refusing") server ??= await open(port);
    },
    waitForSeen: (wanted, what, timeoutMs = 20_000) =>
      waitFor(() => proxy.seen.find((seen) => seen.status !== undefined && wanted(seen)), {
        timeoutMs,
        intervalMs: 10,
        what,
      }),
    async close() {
      await shut();
      proxy.close();
    },
  };
}
