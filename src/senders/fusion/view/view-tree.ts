/** A view of Fusion as a tree that can be compared: `GET /api/v1/views/VIEW/tree`, which both Fusions understand alike. */
import { parseRetryAfter, refusalDetail } from "../../../sdk/http/refusal.ts";
import { maskOf } from "../../../sdk/http/secret-mask.ts";
import {
  type ComparableTree,
  FustorError,
  type Listing,
  type ListOptions,
  type TreeEntry,
} from "../../../sdk/index.ts";
import { parseMembers } from "../answers.ts";
import type { FusionEndpoint } from "../fusion-options.ts";
import { TreeNodes } from "./tree-nodes.ts";
import { type StreamedAnswer, ViewConnections } from "./view-connections.ts";
import { viewFailure } from "./view-failure.ts";

/** Servers refuse longer heads of requests; what lies deeper is asked for from a directory above. */
const MOST_QUERY_CHARACTERS = 6000;
const MOST_SHORT_BYTES = 1_048_576;

const UNKNOWN: ReadonlyMap<string, string> = new Map();
const prefixOf = (path: string): string => (path === "/" ? "/" : `${path}/`);
const parentOf = (path: string): string => path.slice(0, Math.max(1, path.lastIndexOf("/")));

/** The path to ask for, and how many levels above the wanted one it stands. */
function askable(path: string): { readonly asked: string; readonly above: number } {
  let asked = path;
  let above = 0;
  for (; encodeURIComponent(asked).length > MOST_QUERY_CHARACTERS; above++) asked = parentOf(asked);
  return { asked, above };
}

export class ViewTree implements ComparableTree {
  readonly #endpoint: FusionEndpoint;
  readonly #connections: ViewConnections;
  readonly #mask: (text: string) => string;
  #view: string | undefined;

  /** Without a view it is the one that the key belongs to. */
  constructor(endpoint: FusionEndpoint, view: string | undefined) {
    this.#endpoint = endpoint;
    this.#view = view;
    this.#connections = new ViewConnections(endpoint);
    this.#mask = maskOf(
      [...(endpoint.key === undefined ? [] : [endpoint.key]), ...(endpoint.proxy?.secrets ?? [])],
      "[key]",
    );
  }

  /** Rejects when the view is not there or does not take the key; one that is not complete yet is no reason. */
  async open(signal: AbortSignal): Promise<void> {
    const answer = await this.#get(`${await this.#viewPath(signal)}/tree?path=%2F&max_depth=0`, signal);
    const text = await this.#text(answer);
    if (answer.status !== 200 && answer.status !== 503) throw this.#failure(answer, text);
  }

  async list(path: string, { signal, depth, limit = Number.POSITIVE_INFINITY, takes }: ListOptions): Promise<Listing> {
    const { asked, above } = askable(path);
    const levels = depth === undefined ? "" : `&max_depth=${depth + above}`;
    const query = `path=${encodeURIComponent(asked)}&recursive=true${levels}`;
    const answer = await this.#get(`${await this.#viewPath(signal)}/tree?${query}`, signal);
    if (answer.status !== 200) {
      const text = await this.#text(answer);
      if (answer.status !== 404) throw this.#failure(answer, text);
      return { self: undefined, entries: [], tooMany: false, unknown: UNKNOWN, hasUnnamed: false };
    }
    const entries: TreeEntry[] = [];
    let self: TreeEntry | undefined;
    let isAnswered = false;
    const prefix = prefixOf(path);
    for await (const entry of this.#nodes(answer)) {
      isAnswered ||= entry.path === asked;
      if (entry.path === path) self = entry;
      else if (entry.path.startsWith(prefix) && (takes?.(entry.path) ?? true)) entries.push(entry);
      if (entries.length > limit) return { self, entries: [], tooMany: true, unknown: UNKNOWN, hasUnnamed: false };
    }
    if (!isAnswered) throw this.#otherTree();
    return { self, entries, tooMany: false, unknown: UNKNOWN, hasUnnamed: false };
  }

  /** An empty answer, or one to another query, as a cache in between gives: it must not look like an empty directory. */
  #otherTree(): FustorError {
    const what = `${this.#endpoint.address} answers with something else than the tree that was asked for`;
    return new FustorError("FUSTOR_SENDER_BAD_ANSWER", what, { retryable: true });
  }

  async count(signal: AbortSignal): Promise<number> {
    const answer = await this.#get(`${await this.#viewPath(signal)}/stats`, signal);
    const text = await this.#text(answer);
    if (answer.status !== 200) throw this.#failure(answer, text);
    const { item_count: count } = parseMembers(text, `${this.#endpoint.address} (stats)`);
    return typeof count === "number" ? count : 0;
  }

  async close(): Promise<void> {
    this.#connections.close();
  }

  async *#nodes(answer: StreamedAnswer): AsyncGenerator<TreeEntry, void, undefined> {
    const nodes = new TreeNodes();
    const decoder = new TextDecoder();
    for await (const piece of answer.pieces) yield* nodes.push(decoder.decode(piece, { stream: true }));
    nodes.end();
  }

  async #viewPath(signal: AbortSignal): Promise<string> {
    this.#view ??= await this.#viewOfKey(signal);
    return `/api/v1/views/${encodeURIComponent(this.#view)}`;
  }

  /** What a read key opens. Of a push key Fusion says the pipe. */
  async #viewOfKey(signal: AbortSignal): Promise<string> {
    const answer = await this.#get("/api/v1/pipe/session/", signal);
    const text = await this.#text(answer);
    if (answer.status !== 200) throw this.#failure(answer, text);
    const { view_id: view } = parseMembers(text, `${this.#endpoint.address} (discovery)`);
    if (typeof view === "string" && view !== "") return view;
    const what = `${this.#endpoint.address} does not say which view the key opens; name it in driver_params.query.view`;
    throw new FustorError("FUSTOR_SENDER_BAD_ANSWER", what);
  }

  async #get(path: string, signal: AbortSignal): Promise<StreamedAnswer> {
    const answer = await this.#connections.get(path, signal);
    const coding = answer.header("content-encoding");
    if (coding === undefined || coding === "identity") return answer;
    await answer.pieces.return();
    const what = `${this.#endpoint.address} answers in ${coding.replace(/[^\w.-]/g, "?").slice(0, 20)}, which nobody asked for`;
    throw new FustorError("FUSTOR_SENDER_BAD_ANSWER", `${what}; turn compression off at the proxy in between`);
  }

  async #text({ pieces }: StreamedAnswer): Promise<string> {
    const parts: Buffer[] = [];
    let size = 0;
    for await (const piece of pieces) {
      parts.push(piece);
      size += piece.byteLength;
      if (size > MOST_SHORT_BYTES) break;
    }
    return Buffer.concat(parts).toString("utf8");
  }

  #failure({ status, header }: StreamedAnswer, text: string): FustorError {
    return viewFailure({
      address: this.#endpoint.address,
      view: this.#view,
      status,
      detail: refusalDetail(text, this.#mask),
      retryAfterMs: parseRetryAfter(header("retry-after"), Date.now()),
    });
  }
}
