/** One request to the service at a time and its answer. Errors and log lines hold no secret. */
import {
  type Credential,
  FustorError,
  type Logger,
  maskOf,
  omitUndefined,
  parseRetryAfter,
  readCaFile,
  redirectTarget,
  refusalDetail,
} from "fustor-agent/sdk";
import { MAX_DOCUMENT_BYTES } from "./document.ts";
import { type Route, statusFailure } from "./failures.ts";
import { type HttpAnswer, HttpClient, type Lane } from "./http-client.ts";
import type { OpenApiParams } from "./params.ts";

export interface OpenApiSettings {
  /** Of the document. */
  readonly uri: string;
  readonly credential?: Credential;
  readonly timeoutMs: number;
  readonly params: OpenApiParams;
}

export interface Call {
  readonly route: Route;
  readonly method: "GET" | "POST" | "DELETE";
  readonly url: URL;
  readonly body?: Buffer;
  readonly sessionId?: string;
  /** The header that carries a key instead of `Authorization`. */
  readonly keyHeader?: string;
  /** Whether the service opened the session. */
  readonly hasSessions?: boolean;
  readonly signal: AbortSignal;
}

const MAX_ANSWER_BYTES = 1024 * 1024;

const LANES: Readonly<Record<Route, Lane>> = {
  document: "session",
  session: "session",
  status: "session",
  close: "session",
  heartbeat: "heartbeat",
  ingest: "bulk",
};

const basicOf = (user: string, password: string): string =>
  Buffer.from(`${user}:${password}`, "utf8").toString("base64");

function secretsOf({ credential, params }: OpenApiSettings): readonly string[] {
  const { password = "" } = params.proxy === undefined ? {} : new URL(params.proxy);
  const proxy = password === "" ? [] : [decodeURIComponent(password)];
  if (credential === undefined) return proxy;
  if (credential.kind === "key") return [...proxy, credential.key];
  return [...proxy, credential.password, basicOf(credential.user, credential.password)];
}

function readCa(path: string | undefined): string | undefined {
  try {
    return path === undefined ? undefined : readCaFile(path);
  } catch (cause) {
    throw new FustorError("FUSTOR_CONFIG_INVALID", `ca_file ${path} holds no certificates that can be read`, { cause });
  }
}

export class Requests {
  readonly #client: HttpClient;
  readonly #credential: Credential | undefined;
  readonly #logger: Logger;
  readonly #mask: (text: string) => string;

  /** Throws FUSTOR_CONFIG_INVALID when the certificates are of no use. */
  constructor(settings: OpenApiSettings, logger: Logger) {
    const { params, credential, timeoutMs } = settings;
    this.#client = new HttpClient({ ca: readCa(params.ca_file), proxy: params.proxy, timeoutMs });
    this.#credential = credential;
    this.#logger = logger;
    this.#mask = maskOf(secretsOf(settings), "[secret]");
  }

  /** The text of an answer of 2xx; throws for every other one. */
  async succeed(call: Call): Promise<string> {
    const { route, method, url, body, signal } = call;
    const startedAt = performance.now();
    const answer = await this.#client.send(
      omitUndefined({
        method,
        url,
        what: this.#hider(call)(`${method} ${url.pathname}`),
        headers: this.#headers(call),
        body,
        lane: LANES[route],
        maxBytes: route === "document" ? MAX_DOCUMENT_BYTES : MAX_ANSWER_BYTES,
        signal,
      }),
    );
    const { status } = answer;
    const durationMs = Math.round(performance.now() - startedAt);
    this.#logger.debug({ route, status, durationMs, sizeBytes: body?.byteLength ?? 0 }, "request answered");
    if (status >= 200 && status < 300) return answer.text;
    throw this.#refusal(call, answer);
  }

  close(): void {
    this.#client.close();
  }

  #headers({ sessionId, body, keyHeader }: Call): Record<string, string> {
    return {
      accept: "application/json",
      "accept-encoding": "identity",
      "user-agent": "fustor-agent",
      ...this.#authorization(keyHeader),
      ...(sessionId === undefined ? {} : { "session-id": sessionId }),
      ...(body === undefined ? {} : { "content-type": "application/json" }),
    };
  }

  #authorization(keyHeader: string | undefined): Record<string, string> {
    const credential = this.#credential;
    if (credential === undefined) return {};
    if (credential.kind === "password") {
      return { authorization: `Basic ${basicOf(credential.user, credential.password)}` };
    }
    return keyHeader === undefined ? { authorization: `Bearer ${credential.key}` } : { [keyHeader]: credential.key };
  }

  /** Takes secrets and the session out of a text. */
  #hider({ sessionId }: Call): (text: string) => string {
    const hideSession = sessionId === undefined ? undefined : maskOf([sessionId], "[session]");
    return (text) => hideSession?.(this.#mask(text)) ?? this.#mask(text);
  }

  #refusal(call: Call, answer: HttpAnswer): FustorError {
    const { route, method, url, hasSessions = false } = call;
    const hide = this.#hider(call);
    const location = redirectTarget(answer.header("location"), url, url.pathname);
    return statusFailure({
      route,
      source: hide(`${method} ${url.origin}${url.pathname}`),
      status: answer.status,
      detail: location === undefined ? refusalDetail(answer.text, hide) : `the address is ${hide(location)}`,
      retryAfterMs: parseRetryAfter(answer.header("retry-after"), Date.now()),
      hasSessions,
    });
  }
}
