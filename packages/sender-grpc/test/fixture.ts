/** Receivers and senders to them, for one test each. */
import { resolve } from "node:path";
import {
  type DeskAnswer,
  type Envelope,
  type FustorErrorCode,
  isFustorError,
  type OpenReceiver,
  type ReceiverDesk,
  type Row,
  type SenderDriver,
  silentLogger,
} from "fustor-agent/sdk";
import { onTestFinished } from "vitest";
import { shapeProblem, startFusionOf } from "../../../test/support/fusion-of-text.ts";
import { createViewClient } from "../../../test/support/view-client.ts";
import driver from "../src/index.ts";
import receiver from "../src/receiver/index.ts";

export const signal = new AbortController().signal;
export const KEY = "push-key-1";
export const REQUEST = { taskId: "agent:p1", sourceType: "fs", sourceUri: "/data", sessionTimeoutSeconds: 30 };
export const END: Envelope = { sourceType: "snapshot", events: [], isEnd: true, snapshotSyncSuggested: false };

export const row = (path: string): Row => ({
  ...{ path, file_name: path.slice(1), size: 1, is_directory: false },
  ...{ modified_time: 1_700_000_000, created_time: 1_700_000_000 },
});

export const live = (rows: readonly Row[], index = 1_700_000_000_000): Envelope => ({
  sourceType: "message",
  events: [
    {
      ...{ eventType: "update", schema: "fs", table: "files", fields: Object.keys(rows[0] ?? {}), index },
      rows: { kind: "objects", rows },
      messageSource: "realtime",
    },
  ],
  isEnd: false,
  snapshotSyncSuggested: false,
});

/** A desk that notes every batch, and takes whatever it gets. */
export class RecordingDesk implements ReceiverDesk {
  maxBodyBytes = 16_777_216;
  readonly shapeProblem = shapeProblem;
  readonly batches: Record<string, unknown>[] = [];
  readonly sessions = new Set<string>();
  isKeyRevoked = false;
  held = 0;
  budget = 67_108_864;
  /** Answered to batches until it is taken away. */
  refuses: DeskAnswer | undefined;
  /** Holds answers to batches back while it is set. */
  gate: Promise<void> | undefined;

  identify(key: string | undefined): { readonly pipe: string } | DeskAnswer {
    return key === KEY && !this.isKeyRevoked ? { pipe: "p1" } : { status: 401, body: { detail: "Invalid API key" } };
  }
  knows(_pipe: string, id: string): boolean {
    return this.sessions.has(id);
  }
  openSession(): DeskAnswer {
    const id = `session-${this.sessions.size + 1}`;
    this.sessions.add(id);
    return { status: 200, body: { session_id: id, role: "leader", session_timeout_seconds: 30 } };
  }
  heartbeat(_pipe: string, id: string): DeskAnswer {
    if (!this.sessions.has(id)) return { status: 419, body: { detail: "Session obsoleted" } };
    return { status: 200, body: { role: "leader", commands: [{ type: "scan", path: "/a" }] } };
  }
  position(): DeskAnswer {
    return { status: 404, body: { detail: "No position" } };
  }
  async ingest(_pipe: string, _id: string, body: unknown): Promise<DeskAnswer> {
    await this.gate;
    if (this.refuses !== undefined) return this.refuses;
    this.batches.push(body as Record<string, unknown>);
    return { status: 200, body: { status: "ok" } };
  }
  closeSession(_pipe: string, id: string): DeskAnswer {
    this.sessions.delete(id);
    return { status: 200, body: {} };
  }
  sentinelTask(): DeskAnswer {
    return { status: 200, body: { type: "suspect_check", paths: ["/a"] } };
  }
  sentinelFeedback(_pipe: string, body: unknown): DeskAnswer {
    this.batches.push(body as Record<string, unknown>);
    return { status: 200, body: {} };
  }
  take(bytes: number): boolean {
    if (this.held + bytes > this.budget) return false;
    this.held += bytes;
    return true;
  }
  give(bytes: number): void {
    this.held -= bytes;
  }
  rows(): readonly Row[] {
    const events = this.batches.flatMap(({ events }) => (events ?? []) as { readonly rows: readonly Row[] }[]);
    return events.flatMap(({ rows }) => rows);
  }
}

export const openTo = (desk: ReceiverDesk, params: object = {}, port = 0): Promise<OpenReceiver> =>
  receiver.open({
    ...{ id: "in", host: "127.0.0.1", port, desk, logger: silentLogger },
    params: receiver.schema.parse(params),
  });

export interface SenderOptions {
  readonly key?: string;
  readonly params?: object;
  readonly timeoutMs?: number;
}

export async function senderTo(uri: string, options: SenderOptions = {}): Promise<SenderDriver> {
  const { key = KEY, params = {}, timeoutMs = 20_000 } = options;
  const settings = { uri, credential: { kind: "key", key } as const, params: driver.schema.parse(params), timeoutMs };
  const sender = await driver.create({ id: "s", logger: silentLogger }, settings);
  onTestFinished(() => sender.close());
  return sender;
}

/** A recording receiver, a sender to it, and a session of theirs. */
export async function opened(options: SenderOptions = {}) {
  const desk = new RecordingDesk();
  const open = await openTo(desk);
  onTestFinished(() => open.close());
  const sender = await senderTo(open.url, options);
  const { sessionId } = await sender.createSession(REQUEST, { signal });
  return { desk, open, sender, sessionId };
}

/** The embedded Fusion with a receiver over gRPC. */
export async function startFusion(extra = "") {
  const text = `
port: 0
session_cleanup_interval: 0.1
receivers: {in: {driver: grpc, port: 0, api_keys: [{key: ${KEY}, pipe_id: p1}, {key: push-key-2, pipe_id: p2}]}}
views: {v1: {api_keys: [read-1], driver_params: {max_tree_items: 0}}, v2: {api_keys: [read-2]}}
pipes: {p1: {receiver: in, views: [v1], audit_interval_sec: 7, sentinel_interval_sec: 0${extra}}, p2: {receiver: in, views: [v2]}}
`;
  const fusion = await startFusionOf(text, [receiver]);
  onTestFinished(() => fusion.stop());
  const view = createViewClient({ url: fusion.viewUrl, viewId: "v1", key: "read-1" });
  return { fusion, url: fusion.receiverUrls.get("in") ?? "", view };
}

export interface Failure {
  readonly code: FustorErrorCode;
  readonly message: string;
}

export async function failureOf(call: Promise<unknown>): Promise<Failure> {
  const error = await call.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!isFustorError(error)) throw new Error(`it did not fail as it should: ${String(error)}`);
  return { code: error.code, message: error.message };
}

/** Of test/fixtures/tls: a private CA, and a certificate of it for 127.0.0.1. */
export const tlsFile = (name: string): string => resolve(import.meta.dirname, "../../../test/fixtures/tls", name);
