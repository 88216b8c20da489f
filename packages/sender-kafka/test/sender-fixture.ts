/** Senders to a topic, and what they send, for tests without an agent. */
import {
  type Credential,
  type DriverFiles,
  type Envelope,
  type FustorErrorCode,
  isFustorError,
  type MessageSource,
  type Row,
  type SenderDriver,
  type SourceType,
  silentLogger,
} from "fustor-agent/sdk";
import { onTestFinished } from "vitest";
import driver from "../src/index.ts";

export const signal = new AbortController().signal;
export const REQUEST = { taskId: "agent:pipe", sourceType: "fs", sourceUri: "/data" };

export interface SenderOptions {
  readonly uri: string;
  readonly params?: object;
  readonly credential?: Credential;
  readonly timeoutMs?: number;
  readonly files?: DriverFiles;
}

export async function senderTo({
  uri,
  params = {},
  credential,
  timeoutMs = 20_000,
  files,
}: SenderOptions): Promise<SenderDriver> {
  const settings = {
    uri,
    params: driver.schema.parse(params),
    timeoutMs,
    ...(credential === undefined ? {} : { credential }),
  };
  const context = { id: "k", logger: silentLogger, ...(files === undefined ? {} : { files }) };
  const sender = await driver.create(context, settings);
  onTestFinished(() => sender.close());
  return sender;
}

/** A sender with a session. */
export async function opened(options: SenderOptions, resumes?: string) {
  const sender = await senderTo(options);
  const session = await sender.createSession({ ...REQUEST, ...(resumes === undefined ? {} : { resumes }) }, { signal });
  const push = (envelope: Envelope) => sender.push(session.sessionId, envelope, { signal });
  return { sender, session, push };
}

/** Files of a driver, in memory. */
export function memoryFiles(): DriverFiles {
  const texts = new Map<string, string>();
  return {
    read: async (name) => texts.get(name),
    write: async (name, text) => void texts.set(name, text),
    remove: async (name) => void texts.delete(name),
  };
}

export const folder = (path: string): Row => ({ path, size: 1, modified_time: 1, created_time: 1, is_directory: true });
export const file = (path: string, size = 1): Row => ({ ...folder(path), size, is_directory: false });

const PHASES: Readonly<Partial<Record<SourceType, MessageSource>>> = { snapshot: "snapshot", audit: "audit" };

export interface RowsOptions {
  readonly index?: number;
  readonly eventType?: "update" | "delete";
  readonly messageSource?: MessageSource;
}

export function rows(sourceType: SourceType, all: readonly Row[], options: RowsOptions = {}): Envelope {
  const { index = 1000, eventType = "update", messageSource = PHASES[sourceType] ?? "realtime" } = options;
  const event = { eventType, schema: "fs", table: "files", fields: ["path"], index, messageSource };
  return {
    sourceType,
    events: [{ ...event, rows: { kind: "objects", rows: all } }],
    isEnd: false,
    snapshotSyncSuggested: false,
  };
}

export const deleted = (path: string, index = 1001): Envelope =>
  rows("message", [{ path }], { index, eventType: "delete" });

export const end = (sourceType: SourceType): Envelope => ({
  sourceType,
  events: [],
  isEnd: true,
  snapshotSyncSuggested: false,
});

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
