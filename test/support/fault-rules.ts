/** What a fault receiver sees of a request, and what it may do to it. */
import { waitFor } from "./wait-for.ts";

export type RequestKind =
  | "create"
  | "position"
  | "heartbeat"
  | "delete"
  | "live"
  | "snapshot"
  | "snapshot_end"
  | "audit"
  | "audit_end"
  | "scan"
  | "job_complete"
  | "other";

/** What of each request is kept. */
export interface SeenRequest {
  readonly kind: RequestKind;
  /** Milliseconds since the receiver's start at which it was complete. */
  readonly at: number;
  readonly sessionId: string | undefined;
  /** With its query. */
  readonly path: string;
  /** Members of its body, without the events; empty when it has none. */
  readonly members: Readonly<Record<string, unknown>>;
  readonly bytes: number;
  readonly rows: number;
  /** Paths of its delete rows. */
  readonly deleted: readonly string[];
  /** Paths of its other rows, each as often as it is there. */
  readonly upserted: readonly string[];
  /** Status of Fusion's answer; undefined when it never got there or gave none. */
  status?: number;
  /** Members of Fusion's answer. */
  answer?: Readonly<Record<string, unknown>>;
}

/** Durations in milliseconds. */
export type Fault =
  /** Reaches Fusion later. */
  | { readonly kind: "delay"; readonly ms: number }
  /** Reaches Fusion; its answer comes later. */
  | { readonly kind: "slow_answer"; readonly ms: number }
  /** Never reaches Fusion. */
  | {
      readonly kind: "answer";
      readonly status: number;
      readonly headers?: Readonly<Record<string, string>>;
      readonly body?: object | string;
    }
  /** RST with the first bytes of the body, after all of it (both never reach Fusion), or half-way through Fusion's answer. */
  | { readonly kind: "reset"; readonly when: "in_request" | "after_request" | "in_answer" }
  /** Reaches Fusion; instead of the answer the connection ends. */
  | { readonly kind: "lost_answer" }
  /** Nobody ever answers. */
  | { readonly kind: "silence"; readonly reachesFusion: boolean }
  /** The session is ended at Fusion, then the request gets this status. */
  | { readonly kind: "session_lost"; readonly status: 404 | 410 | 419 }
  /** Fusion's answer with other members. */
  | { readonly kind: "edit"; readonly edit: (answer: Record<string, unknown>) => Record<string, unknown> }
  /** Something happens before Fusion sees the request, or after it took it; the agent gets its answer only afterwards. */
  | { readonly kind: "moment"; readonly when: "before" | "after"; readonly run: () => unknown }
  /** As a moment before, and then Fusion never sees the request. */
  | { readonly kind: "last_moment"; readonly run: () => unknown };

export interface FaultRule {
  readonly on: RequestKind | readonly RequestKind[] | "ingest" | "any";
  readonly fault: Fault | ((request: SeenRequest) => Fault);
  /** So many that match are left alone first. Default 0. */
  readonly skip?: number;
  /** Default 1. */
  readonly times?: number;
  readonly if?: (request: SeenRequest) => boolean;
}

export const INGEST_KINDS: readonly RequestKind[] = [
  "live",
  "snapshot",
  "snapshot_end",
  "audit",
  "audit_end",
  "scan",
  "job_complete",
];

/** A rule with its counters. */
export class ArmedRule {
  readonly #rule: FaultRule;
  #left: number;
  #skip: number;
  /** How often it has struck. */
  hits = 0;

  constructor(rule: FaultRule) {
    this.#rule = rule;
    this.#left = rule.times ?? 1;
    this.#skip = rule.skip ?? 0;
  }

  get isSpent(): boolean {
    return this.#left <= 0;
  }

  /** It strikes before the body is read, so it knows no more of an ingest than that it is one (kind `live`). */
  get isEarly(): boolean {
    const { fault } = this.#rule;
    return typeof fault !== "function" && fault.kind === "reset" && fault.when === "in_request";
  }

  /** Resolves when it has struck so often. */
  struck(times = 1, timeoutMs = 30_000): Promise<unknown> {
    const what = (): string => `the fault on ${this.#rule.on} strikes ${times} time(s); it has ${this.hits} time(s)`;
    return waitFor(() => this.hits >= times, { timeoutMs, intervalMs: 10, what });
  }

  /** Strikes no more. */
  disarm(): void {
    this.#left = 0;
  }

  strike(request: SeenRequest): Fault | undefined {
    const { on, fault } = this.#rule;
    if (this.isSpent || !kindMatches(on, request.kind) || this.#rule.if?.(request) === false) return undefined;
    if (this.#skip > 0) {
      this.#skip--;
      return undefined;
    }
    this.#left--;
    this.hits++;
    return typeof fault === "function" ? fault(request) : fault;
  }
}

function kindMatches(on: FaultRule["on"], kind: RequestKind): boolean {
  if (on === "any") return true;
  if (on === "ingest") return INGEST_KINDS.includes(kind);
  return typeof on === "string" ? on === kind : on.includes(kind);
}

const ROUTES: readonly (readonly [RequestKind, string, RegExp])[] = [
  ["create", "POST", /^\/api\/v1\/pipe\/session\/$/],
  ["position", "GET", /^\/api\/v1\/pipe\/session\/([^/]+)\/position$/],
  ["heartbeat", "POST", /^\/api\/v1\/pipe\/session\/([^/]+)\/heartbeat$/],
  ["delete", "DELETE", /^\/api\/v1\/pipe\/session\/([^/]+)$/],
  ["live", "POST", /^\/api\/v1\/pipe\/ingest\/([^/]+)\/events$/],
];

/** By its first line alone; every ingest counts as live. */
export function routeOf(method: string, path: string): Pick<SeenRequest, "kind" | "sessionId" | "path"> {
  for (const [kind, wanted, pattern] of ROUTES) {
    const match = wanted === method ? pattern.exec(path) : null;
    if (match !== null) return { kind, sessionId: match[1], path };
  }
  return { kind: "other", sessionId: undefined, path };
}

interface IngestBody {
  readonly source_type?: string;
  readonly is_end?: boolean;
  readonly events?: readonly { readonly event_type: string; readonly rows: readonly { readonly path?: string }[] }[];
}

function ingestKind({ source_type: type, is_end: isEnd, events }: IngestBody): RequestKind {
  if (type === "snapshot" || type === "audit") {
    return isEnd === true ? `${type}_end` : type;
  }
  if (type === "on_demand_job") return "scan";
  return type === "message" || (events ?? []).length > 0 ? "live" : "job_complete";
}

function membersOf(body: Buffer): Record<string, unknown> {
  if (body.length === 0) return {};
  const { events: _, ...members } = JSON.parse(body.toString("utf8")) as IngestBody;
  return members;
}

export function describeRequest(method: string, path: string, body: Buffer, at: number): SeenRequest {
  const route = routeOf(method, path);
  const seen = { ...route, at, members: membersOf(body), bytes: body.length, rows: 0, deleted: [], upserted: [] };
  if (route.kind !== "live") return seen;
  const parsed = JSON.parse(body.toString("utf8")) as IngestBody;
  const deleted: string[] = [];
  const upserted: string[] = [];
  for (const event of parsed.events ?? []) {
    const into = event.event_type === "delete" ? deleted : upserted;
    for (const row of event.rows) into.push(row.path ?? "");
  }
  return { ...seen, kind: ingestKind(parsed), rows: deleted.length + upserted.length, deleted, upserted };
}
