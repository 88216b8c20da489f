/** Asks a store for pages of a listing: signed, repeated where that helps, and no faster than the store wants. */
import { AwsV4Signer } from "aws4fetch";
import { type Credential, FustorError, isFustorError, maskOf, parseRetryAfter, retried } from "fustor-agent/sdk";
import { type Answer, type AskedFor, failureOnTheWay, refusal, regionIn, SlowDown, unavailable } from "./failures.ts";
import { type ListPage, parsePage } from "./list-page.ts";
import { Pace } from "./pace.ts";
import { type Params, type Target, targetOf } from "./params.ts";

const ATTEMPTS = 7;
const PAGE_KEYS = 1000;
/** A page of a thousand of the longest keys, each byte written as three characters, has a fifth of that. */
const MOST_ANSWER_BYTES = 32 << 20;
/** A request follows the store to other regions so often. */
const MOST_MOVES = 2;

export interface ClientOptions {
  readonly uri: string;
  readonly params: Params;
  readonly credential: Credential | undefined;
  /** Of the tests: the first pause before a request is repeated. */
  readonly firstPauseMs?: number;
}

export interface PageQuery {
  readonly prefix: string;
  readonly startAfter?: string | undefined;
  readonly token?: string | undefined;
  readonly maxKeys?: number;
}

export class Client {
  readonly pace: Pace;
  readonly #options: ClientOptions;
  readonly #hide: (text: string) => string;
  #target: Target;
  /** Since the start. */
  requests = 0;
  slowDowns = 0;

  constructor(options: ClientOptions) {
    const { uri, params, credential } = options;
    this.#options = options;
    this.#target = targetOf(uri, params);
    this.pace = new Pace(params.parallel);
    const secrets = [params.session_token ?? "", credential?.kind === "password" ? credential.password : ""];
    this.#hide = maskOf(secrets, "***");
  }

  get region(): string {
    return this.#target.region;
  }

  /** Throws FUSTOR_SOURCE_UNAVAILABLE, or FUSTOR_ABORTED. */
  async list(query: PageQuery, signal: AbortSignal): Promise<ListPage> {
    try {
      return await retried(() => this.pace.taken(signal, () => this.#page(query, signal)), {
        signal,
        attempts: ATTEMPTS,
        firstMs: this.#options.firstPauseMs ?? 200,
        maxMs: 20_000,
        isRetryable: (error) => !isFustorError(error) || error.retryable,
      });
    } catch (error) {
      if (signal.aborted) throw new FustorError("FUSTOR_ABORTED", "the call was cancelled");
      throw failureOnTheWay(error, this.#asked(query));
    }
  }

  #asked({ prefix }: PageQuery): AskedFor {
    return { ...this.#target, prefix, hide: this.#hide };
  }

  async #page(query: PageQuery, signal: AbortSignal, moves = 0): Promise<ListPage> {
    const { region } = this.#target;
    const answer = await this.#ask(query, signal);
    if (answer.status === 200) return this.#read(answer, query);
    const retryAfterMs = parseRetryAfter(answer.header("retry-after") ?? undefined, Date.now());
    if (answer.status === 503 || answer.status === 429) {
      this.slowDowns++;
      this.pace.slowDown(retryAfterMs);
      throw new SlowDown(`the store asks for fewer requests (${answer.status})`, retryAfterMs);
    }
    if (answer.status >= 500 || answer.status === 408) {
      throw unavailable(`the store answered ${answer.status}`);
    }
    if (moves < MOST_MOVES && this.#moved(answer, region)) return this.#page(query, signal, moves + 1);
    throw refusal(answer, this.#asked(query), Date.now());
  }

  #read({ text }: Answer, { prefix }: PageQuery): ListPage {
    const page = this.#parsed(text);
    const { host } = this.#target;
    if (!page.objects.every(({ key }) => key.startsWith(prefix))) {
      throw unavailable(`${host} answered with objects of another prefix than asked for`, { isLasting: true });
    }
    this.pace.wentWell();
    return page;
  }

  #parsed(text: string): ListPage {
    try {
      return parsePage(text);
    } catch (error) {
      // One that was cut short may come whole; a page of a proxy comes again.
      const isLasting = !text.includes("<ListBucketResult");
      throw unavailable(`${this.#target.host} answered what is no page of a listing`, { isLasting, cause: error });
    }
  }

  /** The store named another region than the one asked, and requests go there from now on; others may go already. */
  #moved(answer: Answer, asked: string): boolean {
    const region = regionIn(answer);
    if (region === undefined || region === asked) return false;
    const isSigning = answer.status === 400;
    if (!isSigning && !this.#target.isRegional) return false;
    if (region !== this.#target.region) {
      this.#target = targetOf(this.#options.uri, this.#options.params, region);
    }
    return true;
  }

  async #ask(query: PageQuery, signal: AbortSignal): Promise<Answer> {
    const { params } = this.#options;
    const url = `${this.#target.base}?${queryOf(query)}`;
    const headers = await this.#signed(url);
    this.requests++;
    const over = AbortSignal.any([signal, AbortSignal.timeout(params.timeout_sec * 1000)]);
    const response = await fetch(url, { headers, redirect: "manual", signal: over });
    return { status: response.status, text: await textOf(response), header: (name) => response.headers.get(name) };
  }

  async #signed(url: string): Promise<Record<string, string>> {
    const { credential, params } = this.#options;
    if (credential?.kind !== "password") return {};
    const signer = new AwsV4Signer({
      url,
      service: "s3",
      region: this.#target.region,
      accessKeyId: credential.user,
      secretAccessKey: credential.password,
      ...(params.session_token === undefined ? {} : { sessionToken: params.session_token }),
    });
    const { headers } = await signer.sign();
    return Object.fromEntries(headers.entries()) as Record<string, string>;
  }
}

/** A server that never ends its answer does not fill the memory. */
async function textOf({ body }: Response): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  let bytes = 0;
  for await (const part of (body ?? []) as AsyncIterable<Uint8Array>) {
    bytes += part.byteLength;
    if (bytes > MOST_ANSWER_BYTES) {
      throw unavailable(`the store answered with more than ${MOST_ANSWER_BYTES >> 20} MiB`, { isLasting: true });
    }
    text += decoder.decode(part, { stream: true });
  }
  return text + decoder.decode();
}

/** A space has to be %20, as the signature takes it. */
const encoded = (text: string): string =>
  encodeURIComponent(text).replace(/[!'()*]/g, (each) => `%${each.charCodeAt(0).toString(16).toUpperCase()}`);

function queryOf({ prefix, startAfter, token, maxKeys = PAGE_KEYS }: PageQuery): string {
  const facts: readonly (readonly [string, string | undefined])[] = [
    ["continuation-token", token],
    ["encoding-type", "url"],
    ["list-type", "2"],
    ["max-keys", String(maxKeys)],
    ["prefix", prefix === "" ? undefined : prefix],
    ["start-after", token === undefined ? startAfter : undefined],
  ];
  return facts.flatMap(([name, value]) => (value === undefined ? [] : [`${name}=${encoded(value)}`])).join("&");
}
