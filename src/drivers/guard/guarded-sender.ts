/** An installed sender behind a guard, as {@link guardedSource} is a source. */
import {
  type Acknowledgement,
  type CallOptions,
  type Envelope,
  type HeartbeatAnswer,
  type HeartbeatRequest,
  omitUndefined,
  type SenderDriver,
  type SentinelTask,
  type SentinelUpdate,
  type Session,
  type SessionRequest,
} from "../../sdk/index.ts";
import { membersOf } from "../../sdk/members-of.ts";
import type { GuardBounds } from "./bounds.ts";
import { type Check, type DriverCalls, missingMethod } from "./driver-calls.ts";

const NEEDED = ["createSession", "getLatestCommittedIndex", "heartbeat", "push", "closeSession", "close"];

/** Half a sentence about what `create` handed over. */
export function senderDefect(driver: unknown): string | undefined {
  const missing = missingMethod(driver, NEEDED);
  return missing === undefined ? undefined : `a sender without the method "${missing}"`;
}

const isRole = (value: unknown): boolean => value === "leader" || value === "follower";

function sessionDefect(session: unknown): string | undefined {
  const { sessionId, role, sessionTimeoutMs } = membersOf(session);
  if (typeof sessionId !== "string" || sessionId === "") return `a session without a "sessionId"`;
  if (!isRole(role)) return `a session whose "role" is neither leader nor follower`;
  const isTime = typeof sessionTimeoutMs === "number" && sessionTimeoutMs > 0 && Number.isFinite(sessionTimeoutMs);
  return isTime ? undefined : `a session whose "sessionTimeoutMs" is no time`;
}

function heartbeatDefect(answer: unknown): string | undefined {
  const { role, commands, snapshotNeeded } = membersOf(answer);
  if (!isRole(role)) return `an answer whose "role" is neither leader nor follower`;
  const areCommands = Array.isArray(commands) && commands.every((each) => typeof membersOf(each).type === "string");
  if (!areCommands) return `an answer whose "commands" is no list of commands`;
  return typeof snapshotNeeded === "boolean" ? undefined : `an answer whose "snapshotNeeded" is neither true nor false`;
}

const acknowledgementDefect = (answer: unknown): string | undefined =>
  typeof membersOf(answer).snapshotNeeded === "boolean"
    ? undefined
    : `an acknowledgement whose "snapshotNeeded" is neither true nor false`;

const indexDefect = (index: unknown): string | undefined =>
  index === undefined || Number.isSafeInteger(index) ? undefined : "an index that is no whole number";

function taskDefect(task: unknown): string | undefined {
  const { type, paths } = membersOf(task);
  const isTask = typeof type === "string" && Array.isArray(paths) && paths.every((path) => typeof path === "string");
  return task === undefined || isTask ? undefined : "a task without type and paths";
}

export interface SenderGuard {
  readonly driver: SenderDriver;
  readonly calls: DriverCalls;
  readonly bounds: GuardBounds;
  /** Of the entry: the driver keeps it itself, for one request. */
  readonly timeoutMs: number;
}

export function guardedSender({ driver, calls, bounds, timeoutMs }: SenderGuard): SenderDriver {
  const boundMs = timeoutMs + bounds.sendGraceMs;
  const request = <T>(method: string, { signal }: CallOptions, call: () => Promise<T>, check?: Check<T>): Promise<T> =>
    calls.later(method, call, omitUndefined({ boundMs, signal, check }));
  const { getSentinelTasks, sendSentinelFeedback } = driver;
  let closing: Promise<void> | undefined;
  const guarded = {
    createSession: (wish: SessionRequest, options: CallOptions): Promise<Session> =>
      request("createSession", options, () => driver.createSession(wish, options), sessionDefect),
    getLatestCommittedIndex: (id: string, options: CallOptions): Promise<number | undefined> =>
      request("getLatestCommittedIndex", options, () => driver.getLatestCommittedIndex(id, options), indexDefect),
    heartbeat: (id: string, facts: HeartbeatRequest, options: CallOptions): Promise<HeartbeatAnswer> =>
      request("heartbeat", options, () => driver.heartbeat(id, facts, options), heartbeatDefect),
    push: (id: string, envelope: Envelope, options: CallOptions): Promise<Acknowledgement> =>
      request("push", options, () => driver.push(id, envelope, options), acknowledgementDefect),
    getSentinelTasks:
      getSentinelTasks &&
      ((id: string, options: CallOptions): Promise<SentinelTask | undefined> =>
        request("getSentinelTasks", options, () => getSentinelTasks.call(driver, id, options), taskDefect)),
    sendSentinelFeedback:
      sendSentinelFeedback &&
      ((id: string, updates: readonly SentinelUpdate[], options: CallOptions): Promise<void> =>
        request("sendSentinelFeedback", options, () => sendSentinelFeedback.call(driver, id, updates, options))),
    closeSession: (id: string, options: CallOptions): Promise<void> =>
      request("closeSession", options, () => driver.closeSession(id, options)),
    close: (): Promise<void> => {
      closing ??= calls.later("close", () => driver.close(), { boundMs: bounds.closeMs });
      return closing;
    },
  };
  return Object.defineProperty(omitUndefined(guarded) as SenderDriver, "bytesSent", {
    enumerable: true,
    get: () => bytesSentOf(driver),
  });
}

function bytesSentOf(driver: SenderDriver): number | undefined {
  try {
    const { bytesSent } = driver;
    return typeof bytesSent === "number" && Number.isFinite(bytesSent) ? bytesSent : undefined;
  } catch {
    return undefined;
  }
}
