/** One HTTP request and its whole answer, with a deadline. Knows nothing of sessions and rows. */

import { omitUndefined } from "../../sdk/omit-undefined.ts";
import { TlsSessions } from "./connect.ts";
import { CookieJar } from "./cookie-jar.ts";
import { Deadline } from "./deadline.ts";
import type { FusionEndpoint } from "./fusion-options.ts";
import { abortedFailure, networkFailure, proxyRefusal, timeoutFailure } from "./network-failure.ts";
import { RequestLane } from "./request-lane.ts";

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

const headerOf = (value: string | string[] | undefined): string | undefined =>
  Array.isArray(value) ? value.join(", ") : value;

/** Safe for any number of calls at once; those of one lane queue behind each other, and their time runs meanwhile. */
export class HttpExchange {
  readonly #endpoint: FusionEndpoint;
  readonly #lanes: Readonly<Record<Lane, RequestLane>>;
  readonly #cookies: CookieJar;
  readonly #underWay = new Set<Deadline>();
  #closed = false;
  /** What requests show; another one may take its place. */
  key: string | undefined;

  constructor({ endpoint }: ExchangeOptions) {
    this.#endpoint = endpoint;
    this.key = endpoint.key;
    this.#cookies = new CookieJar(endpoint);
    const sessions = new TlsSessions();
    const lane = (): RequestLane => new RequestLane({ endpoint, sessions });
    this.#lanes = { session: lane(), heartbeat: lane(), bulk: lane() };
  }

  /**
   * Resolves with any complete answer, whatever its status. Throws FUSTOR_ABORTED, FUSTOR_SENDER_UNREACHABLE or
   * FUSTOR_SENDER_BAD_ANSWER (no HTTP, or more than 1 MiB); the connection is gone then. Never later than its time, and
   * at once when its signal aborts.
   */
  async send(request: ExchangeRequest): Promise<ExchangeAnswer> {
    if (request.signal.aborted || this.#closed) throw abortedFailure(request.name);
    const { address, proxy } = this.#endpoint;
    const lane = this.#lanes[request.lane];
    let hasTurn = false;
    const tooLate = (): Error =>
      timeoutFailure(address, request.timeoutMs, hasTurn ? lane.stage : "none", proxy?.address);
    const deadline = new Deadline(request.name, request.signal, request.timeoutMs, tooLate);
    this.#underWay.add(deadline);
    try {
      const answer = await lane.send(this.#framed(request), deadline, () => {
        hasTurn = true;
      });
      if (answer.status === 407 && proxy !== undefined) throw proxyRefusal(proxy.address, answer.status);
      this.#cookies.take(answer.headers["set-cookie"], request.path);
      return { status: answer.status, text: answer.text, header: (name) => headerOf(answer.headers[name]) };
    } catch (error) {
      throw networkFailure(address, error);
    } finally {
      deadline.clear();
      this.#underWay.delete(deadline);
    }
  }

  #framed({ method, path, name, body, timeoutMs, ...rest }: ExchangeRequest) {
    const { origin, basePath, address, proxy, isTls } = this.#endpoint;
    const full = `${basePath}${path}`;
    return {
      method,
      // A proxy for plain http wants to hear the whole address.
      path: proxy !== undefined && !isTls ? `${origin}${full}` : full,
      headers: this.#headers(full, body, rest.gzipped),
      body: body ?? null,
      timeoutMs,
      source: `${address} (${name})`,
    };
  }

  #headers(path: string, body: string | Buffer | undefined, gzipped: boolean | undefined): Record<string, string> {
    const { proxy, isTls } = this.#endpoint;
    const authorization = isTls ? undefined : proxy?.authorization;
    const cookie = this.#cookies.header(path);
    return {
      accept: "application/json",
      "user-agent": "fustor-agent",
      ...omitUndefined({ "x-api-key": this.key, cookie, "proxy-authorization": authorization }),
      ...(body === undefined
        ? {}
        : { "content-type": "application/json", "content-length": `${Buffer.byteLength(body)}` }),
      ...(gzipped ? { "content-encoding": "gzip" } : {}),
    };
  }

  /**
   * Whether the kernel has taken every byte of the bulk requests so far, so that nothing reads their bodies any more.
   */
  bulkFlushed(): boolean {
    return this.#lanes.bulk.isFlushed();
  }

  /** Ends everything under way with FUSTOR_ABORTED. Idempotent. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const deadline of this.#underWay) deadline.cancel();
    for (const lane of Object.values(this.#lanes)) lane.discard();
  }
}
