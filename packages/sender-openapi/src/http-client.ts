/**
 * One HTTP request and its whole answer, with a deadline, on Node's own client. Knows nothing of sessions and rows.
 *
 * Node's `fetch` takes neither certificates nor a proxy, nor a bound for connecting; with `node:http` each lane has its
 * own connection, and what ends a call ends the connection with it.
 */
import { Agent as HttpAgent, request as httpRequest, type IncomingMessage, type RequestOptions } from "node:http";
import { Agent as HttpsAgent, request as httpsRequest } from "node:https";
import { omitUndefined } from "fustor-agent/sdk";
import { aborted, badAnswer, networkFailure, unreachable } from "./failures.ts";
import { addressOf, hostOf, portOf, proxyHeaders, TunnelAgent, type TunnelOptions } from "./tunnel.ts";

/** One connection each, so that a heartbeat never waits for a batch. */
export type Lane = "session" | "heartbeat" | "bulk";

export interface HttpRequest {
  readonly method: "GET" | "POST" | "DELETE";
  readonly url: URL;
  /** Method and path in errors, without secrets. */
  readonly what: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Buffer;
  readonly lane: Lane;
  /** Of the answer. */
  readonly maxBytes: number;
  readonly signal: AbortSignal;
}

export interface HttpAnswer {
  readonly status: number;
  readonly text: string;
  header(name: string): string | undefined;
}

export interface HttpClientOptions {
  /** The certificates that alone are trusted. */
  readonly ca: string | undefined;
  readonly proxy: string | undefined;
  /** For one request, from the first attempt to connect to the last byte of the answer. */
  readonly timeoutMs: number;
}

/** How long one of several addresses of a host may take before the next one is tried. */
const SHORTEST_ATTEMPT_MS = 250;
const LONGEST_ATTEMPT_MS = 2_500;

const attemptMs = (timeoutMs: number): number =>
  Math.round(Math.min(Math.max(timeoutMs / 4, SHORTEST_ATTEMPT_MS), LONGEST_ATTEMPT_MS));

export class HttpClient {
  readonly #agents = new Map<string, HttpAgent>();
  readonly #underWay = new Set<() => void>();
  readonly #ca: string | undefined;
  readonly #proxy: URL | undefined;
  readonly #timeoutMs: number;
  #isClosed = false;

  constructor({ ca, proxy, timeoutMs }: HttpClientOptions) {
    this.#timeoutMs = timeoutMs;
    this.#ca = ca;
    this.#proxy = proxy === undefined ? undefined : new URL(proxy);
  }

  /**
   * Resolves with any complete answer. Whatever else ends the call destroys its connection first: nothing of it is sent
   * any more when its repetition begins.
   */
  async send(request: HttpRequest): Promise<HttpAnswer> {
    const { url, signal, what } = request;
    if (signal.aborted || this.#isClosed) throw aborted(what);
    const call = new AbortController();
    const cancel = (): void => call.abort(aborted(what));
    const timer = setTimeout(() => {
      call.abort(unreachable(`${addressOf(url)} did not answer within ${this.#timeoutMs / 1000} s (${what})`));
    }, this.#timeoutMs);
    signal.addEventListener("abort", cancel, { once: true });
    this.#underWay.add(cancel);
    try {
      return await this.#exchange(request, call.signal);
    } catch (error) {
      throw call.signal.aborted ? call.signal.reason : networkFailure(addressOf(url), error);
    } finally {
      clearTimeout(timer);
      signal.removeEventListener("abort", cancel);
      this.#underWay.delete(cancel);
    }
  }

  /** Ends everything under way. */
  close(): void {
    this.#isClosed = true;
    for (const cancel of [...this.#underWay]) cancel();
    for (const agent of this.#agents.values()) agent.destroy();
  }

  #exchange(request: HttpRequest, signal: AbortSignal): Promise<HttpAnswer> {
    return new Promise((resolve, reject) => {
      const sent = this.#begin(request, signal);
      sent.on("error", reject);
      // A request without a socket does not say that it is over, and the way through a proxy takes its time.
      signal.addEventListener("abort", () => reject(signal.reason), { once: true });
      sent.once("response", (response) => {
        readAll(response, request.maxBytes).then(resolve, (error: unknown) => {
          sent.destroy();
          reject(error);
        });
      });
      sent.end(request.body);
    });
  }

  #begin({ method, url, headers, body, lane }: HttpRequest, signal: AbortSignal) {
    // A proxy for plain http wants to hear the whole address.
    const proxy = url.protocol === "http:" ? this.#proxy : undefined;
    const place = proxy ?? url;
    const path = `${url.pathname}${url.search}`;
    const ask = place.protocol === "https:" ? httpsRequest : httpRequest;
    const options: RequestOptions & TunnelOptions = {
      host: hostOf(place),
      port: portOf(place),
      method,
      path: proxy === undefined ? path : `${url.origin}${path}`,
      headers: {
        host: url.host,
        ...headers,
        "content-length": String(body?.byteLength ?? 0),
        ...(proxy === undefined ? {} : proxyHeaders(proxy)),
      },
      agent: this.#agentFor(lane, place),
      signal,
      tunnelSignal: signal,
    };
    return ask(options);
  }

  #agentFor(lane: Lane, place: URL): HttpAgent {
    const name = `${lane} ${place.protocol}`;
    const known = this.#agents.get(name);
    if (known !== undefined) return known;
    const made = this.#makeAgent(place);
    this.#agents.set(name, made);
    return made;
  }

  #makeAgent(place: URL): HttpAgent {
    const options = {
      keepAlive: true,
      maxSockets: 1,
      autoSelectFamily: true,
      autoSelectFamilyAttemptTimeout: attemptMs(this.#timeoutMs),
    };
    if (place.protocol === "http:") return new HttpAgent(options);
    // The proxy's own certificate is one of the well-known ones.
    if (place === this.#proxy) return new HttpsAgent(options);
    const trusting = { ...options, ...omitUndefined({ ca: this.#ca }) };
    return this.#proxy === undefined ? new HttpsAgent(trusting) : new TunnelAgent(trusting, this.#proxy);
  }
}

async function readAll(response: IncomingMessage, maxBytes: number): Promise<HttpAnswer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    size += chunk.byteLength;
    if (size > maxBytes) throw badAnswer(`an answer is longer than ${maxBytes >> 20} MiB`);
    chunks.push(chunk);
  }
  const { headers, statusCode = 0 } = response;
  const coding = headers["content-encoding"];
  if (size > 0 && coding !== undefined && coding !== "identity") {
    throw badAnswer(`an answer is encoded as ${JSON.stringify(coding.slice(0, 20))}, which was not asked for`);
  }
  return {
    status: statusCode,
    text: Buffer.concat(chunks).toString("utf8"),
    header: (name) => {
      const value = headers[name];
      return Array.isArray(value) ? value.join(", ") : value;
    },
  };
}
