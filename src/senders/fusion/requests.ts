/**
 * One request to Fusion's receiver at a time and its answer: which connection it takes, what is logged of it, and what
 * a refusal means. Errors and log lines hold no secret.
 */
import { parseRetryAfter, redirectTarget, refusalDetail } from "../../sdk/http/refusal.ts";
import { maskOf } from "../../sdk/http/secret-mask.ts";
import { FustorError, type Logger, omitUndefined, shortId } from "../../sdk/index.ts";
import { parseMembers } from "./answers.ts";
import type { FusionEndpoint } from "./fusion-options.ts";
import { type ExchangeAnswer, type ExchangeRequest, HttpExchange, type Lane } from "./http-exchange.ts";
import { type Route, statusFailure } from "./status-failure.ts";

const LANES: Readonly<Record<Route, Lane>> = {
  create: "session",
  position: "session",
  heartbeat: "heartbeat",
  ingest: "bulk",
  delete: "session",
  sentinel: "session",
  probe: "session",
};

export interface Call {
  readonly route: Route;
  readonly method: ExchangeRequest["method"];
  readonly path: string;
  readonly sessionId?: string;
  readonly body?: string | Buffer;
  readonly gzipped?: boolean;
  readonly timeoutMs?: number;
  readonly signal: AbortSignal;
}

export class Requests {
  readonly #endpoint: FusionEndpoint;
  readonly #exchange: HttpExchange;
  readonly #logger: Logger;
  readonly #wallClock: () => number;
  #mask: (text: string) => string;

  constructor(endpoint: FusionEndpoint, logger: Logger, wallClock: () => number) {
    this.#endpoint = endpoint;
    this.#exchange = new HttpExchange({ endpoint });
    this.#logger = logger;
    this.#wallClock = wallClock;
    this.#mask = this.#maskWith();
  }

  get key(): string | undefined {
    return this.#exchange.key;
  }

  /** Messages hold neither the former key nor this one. */
  useKey(key: string | undefined): void {
    const former = this.#mask;
    this.#exchange.key = key;
    const mask = this.#maskWith();
    this.#mask = (text) => mask(former(text));
  }

  #maskWith(): (text: string) => string {
    const key = this.#exchange.key;
    return maskOf([...(key === undefined ? [] : [key]), ...(this.#endpoint.proxy?.secrets ?? [])], "[key]");
  }

  /** The last body of an ingest has left for the kernel as a whole. */
  bulkFlushed(): boolean {
    return this.#exchange.bulkFlushed();
  }

  close(): Promise<void> {
    return this.#exchange.close();
  }

  /** Names an answer in errors. */
  source(route: Route): string {
    return `${this.#endpoint.address} (${route})`;
  }

  /** The JSON object that an answer holds. */
  members(answer: ExchangeAnswer, route: Route): Readonly<Record<string, unknown>> {
    return parseMembers(answer.text, this.source(route));
  }

  /** Whatever the status is. */
  async send(call: Call): Promise<ExchangeAnswer> {
    const startedMs = this.#wallClock();
    const { route, sessionId, body } = call;
    const answer = await this.#exchange.send({
      ...call,
      name: route,
      lane: LANES[route],
      timeoutMs: call.timeoutMs ?? this.#endpoint.timeoutMs,
    });
    const facts = omitUndefined({
      route,
      status: answer.status,
      durationMs: this.#wallClock() - startedMs,
      session: sessionId === undefined ? undefined : shortId(sessionId),
      sizeBytes: body === undefined ? undefined : Buffer.byteLength(body),
    });
    this.#logger.debug(facts, "request answered");
    return answer;
  }

  /** Throws for every status but 2xx. */
  async succeed(call: Call): Promise<ExchangeAnswer> {
    const answer = await this.send(call);
    if (answer.status >= 200 && answer.status < 300) return answer;
    if (answer.status === 415 && call.gzipped) {
      const text = `${this.source(call.route)} takes no gzip after all; the next attempt goes uncompressed`;
      const details = { status: 415, refuses: "gzip" };
      throw new FustorError("FUSTOR_SENDER_BAD_ANSWER", text, { retryable: true, details });
    }
    throw statusFailure({
      route: call.route,
      address: this.#endpoint.address,
      status: answer.status,
      detail: refusalDetail(answer.text, (text) => this.#withoutSecrets(text, call.sessionId)),
      retryAfterMs: parseRetryAfter(answer.header("retry-after"), this.#wallClock()),
      location: this.#redirectTarget(answer.header("location"), call),
    });
  }

  #redirectTarget(location: string | undefined, { path, sessionId }: Call): string | undefined {
    const { origin, basePath } = this.#endpoint;
    const target = redirectTarget(location, new URL(`${origin}${basePath}${path}`), path);
    return target === undefined ? undefined : this.#withoutSecrets(target, sessionId);
  }

  /** Receivers like to repeat the session id in their refusals. */
  #withoutSecrets(text: string, sessionId: string | undefined): string {
    const masked = this.#mask(text);
    return sessionId === undefined ? masked : maskOf([sessionId], shortId(sessionId))(masked);
  }
}
