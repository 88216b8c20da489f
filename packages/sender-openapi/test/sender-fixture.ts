/** A service and senders to it, for one test each. */
import {
  type Credential,
  type Envelope,
  type FustorErrorCode,
  isFustorError,
  type Logger,
  type SenderDriver,
  silentLogger,
} from "fustor-agent/sdk";
import { onTestFinished } from "vitest";
import driver from "../src/index.ts";
import { type Answer, Service, type Tls } from "./service.ts";

export const signal = new AbortController().signal;
export const REQUEST = { taskId: "agent:7:orders", sourceType: "fs", sourceUri: "/data" };
export const END: Envelope = { sourceType: "snapshot", events: [], isEnd: true, snapshotSyncSuggested: false };

export const live = (index = 42): Envelope => ({
  sourceType: "message",
  events: [
    {
      eventType: "update",
      schema: "fs",
      table: "files",
      fields: ["path"],
      rows: { kind: "objects", rows: [{ path: "/a" }] },
      index,
      messageSource: "realtime",
    },
  ],
  isEnd: false,
  snapshotSyncSuggested: true,
});

export async function startService(document?: unknown, tls?: Tls): Promise<Service> {
  const service = await new Service(tls).listen();
  if (document !== undefined) service.document = document;
  onTestFinished(() => service.close());
  return service;
}

export interface SenderOptions {
  readonly credential?: Credential;
  readonly params?: object;
  readonly timeoutMs?: number;
  readonly logger?: Logger;
}

export async function senderTo(uri: string, options: SenderOptions = {}): Promise<SenderDriver> {
  const { params = {}, timeoutMs = 2000, logger = silentLogger, ...rest } = options;
  const settings = { uri, ...rest, params: driver.schema.parse(params), timeoutMs };
  const sender = await driver.create({ id: "s", logger }, settings);
  onTestFinished(() => sender.close());
  return sender;
}

/** A service, a sender to it, and a session of theirs. */
export async function opened(document?: unknown, options: SenderOptions = {}) {
  const service = await startService(document);
  const sender = await senderTo(service.uri, options);
  const { sessionId } = await sender.createSession(REQUEST, { signal });
  return { service, sender, sessionId };
}

/** From now on this route answers so, and every other one as before. */
export function answers(service: Service, route: string, answer: Answer): void {
  service.rule = (asked) => (asked.route === route ? answer : undefined);
}

export interface Failure {
  readonly code: FustorErrorCode;
  readonly message: string;
  readonly retryAfterMs: number | undefined;
}

export async function failureOf(call: Promise<unknown>): Promise<Failure> {
  const error = await call.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!isFustorError(error)) throw new Error(`it did not fail as it should: ${String(error)}`);
  const { code, message, retryAfterMs } = error;
  return { code, message, retryAfterMs };
}
