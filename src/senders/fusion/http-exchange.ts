/** One HTTP request and its whole answer, with a deadline. Knows nothing of sessions and rows. */
import type { Socket } from "node:net";
import type { Client as UndiciClient } from "undici";
import { FustorError } from "../../sdk/index.ts";
import type { FusionEndpoint } from "./fusion-options.ts";
import { abortedFailure, networkFailure, timeoutFailure } from "./network-failure.ts";
import { buildConnector, Client } from "./undici-parts.ts";

const MAX_ANSWER_BYTES = 1024 * 1024;

/** Each lane has one connection to itself, so that a heartbeat never waits behind a slow ingest. */
export type Lane = "session" | "heartbeat" | "bulk";

export interface ExchangeRequest {
  readonly method: "GET" | "POST" | "DELETE";
  /** Below the endpoint's base path, with a leading slash. */
  readonly path: string;
  /** What is asked for, without secrets, e.g. `heartbeat`. */
  readonly name: string;
  readonly body?: string | Buffer;
  readonly gzipped?: boolean;
  readonly lane: Lane;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

export interface ExchangeAnswer {
  readonly status: number;
  readonly text: string;
  header(name: string): string | undefined;
}

export interface ExchangeOptions {
  readonly endpoint: FusionEndpoint;
}

interface Deadline {
  readonly signal: AbortSignal;
  expired(): boolean;
  clear(): void;
}

function startDeadline(signal: AbortSignal, timeoutMs: number): Deadline {
  const controller = new AbortController();
  let expired = false;
  const cancel = (): void => controller.abort();
  const timer = setTimeout(() => {
    expired = true;
    controller.abort();
  }, timeoutMs);
  signal.addEventListener("abort", cancel, { once: true });
  return {
    signal: controller.signal,
    expired: () => expired,
    clear: () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", cancel);
    },
  };
}

/** Reads to the end, or gives up (and drops the connection) beyond the limit. */
async function readText(body: AsyncIterable<Buffer>, source: string): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of body) {
    size += chunk.byteLength;
    if (size > MAX_ANSWER_BYTES) {
      // Leaving the loop destroys the body and with it the connection.
      throw new FustorError("FUSTOR_SENDER_BAD_ANSWER", `the answer of ${source} is longer than 1 MiB`, {
        retryable: true,
      });
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

const headerOf = (value: string | string[] | undefined): string | undefined =>
  Array.isArray(value) ? value.join(", ") : value;

/** Safe for any number of calls at once; those of one lane queue behind each other, and their time runs meanwhile. */
export class HttpExchange {
  readonly #endpoint: FusionEndpoint;
  readonly #clients: Readonly<Record<Lane, UndiciClient>>;
  #bulkSocket: Socket | undefined;
  #closed = false;

  constructor({ endpoint }: ExchangeOptions) {
    this.#endpoint = endpoint;
    const tls = endpoint.ca === undefined ? {} : { ca: endpoint.ca };
    const connect = buildConnector({ ...tls, timeout: endpoint.timeoutMs });
    const connectBulk: typeof connect = (options, callback) =>
      connect(options, (...result) => {
        if (result[1] !== null) this.#bulkSocket = result[1];
        callback(...result);
      });
    // The deadline of each call rules over headers and body alike. Redirects are not followed: undici's default.
    const common = { headersTimeout: 0, bodyTimeout: 0, pipelining: 1 };
    this.#clients = {
      session: new Client(endpoint.origin, { ...common, connect }),
      heartbeat: new Client(endpoint.origin, { ...common, connect }),
      bulk: new Client(endpoint.origin, { ...common, connect: connectBulk }),
    };
  }

  /**
   * Resolves with any complete answer, whatever its status. Throws FUSTOR_ABORTED, FUSTOR_SENDER_UNREACHABLE or
   * FUSTOR_SENDER_BAD_ANSWER (no HTTP, or more than 1 MiB); the connection is gone then.
   */
  async send(request: ExchangeRequest): Promise<ExchangeAnswer> {
    if (request.signal.aborted || this.#closed) throw abortedFailure(request.name);
    const deadline = startDeadline(request.signal, request.timeoutMs);
    try {
      return await this.#attempt(request, deadline.signal);
    } catch (error) {
      if (request.signal.aborted || this.#closed) throw abortedFailure(request.name);
      if (deadline.expired()) throw timeoutFailure(this.#endpoint.address, request.timeoutMs);
      throw error instanceof FustorError ? error : networkFailure(this.#endpoint.address, error);
    } finally {
      deadline.clear();
    }
  }

  async #attempt(request: ExchangeRequest, signal: AbortSignal): Promise<ExchangeAnswer> {
    const answer = await this.#clients[request.lane].request({
      method: request.method,
      path: `${this.#endpoint.basePath}${request.path}`,
      headers: this.#headers(request),
      body: request.body ?? null,
      signal,
    });
    const text = await readText(answer.body, `${this.#endpoint.address} (${request.name})`);
    return { status: answer.statusCode, text, header: (name) => headerOf(answer.headers[name]) };
  }

  #headers({ body, gzipped }: ExchangeRequest): Record<string, string> {
    const { key } = this.#endpoint;
    return {
      accept: "application/json",
      "user-agent": "fustor-agent",
      ...(key === undefined ? {} : { "x-api-key": key }),
      ...(body === undefined
        ? {}
        : { "content-type": "application/json", "content-length": `${Buffer.byteLength(body)}` }),
      ...(gzipped ? { "content-encoding": "gzip" } : {}),
    };
  }

  /** Whether the kernel has taken every byte of the bulk requests so far, so that nothing reads their bodies any more. */
  bulkFlushed(): boolean {
    const socket = this.#bulkSocket;
    return socket === undefined || socket.destroyed || socket.writableLength === 0;
  }

  /** Ends everything under way with FUSTOR_ABORTED. Idempotent. */
  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all(Object.values(this.#clients).map((client) => client.destroy()));
  }
}
