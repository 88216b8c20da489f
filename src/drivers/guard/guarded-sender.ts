/** An installed sender behind a guard, as {@link guardedSource} is a source. */
import {
  type Acknowledgement,
  type CallOptions,
  type Envelope,
  type HeartbeatAnswer,
  type HeartbeatRequest,
  omitUndefined,
  type SenderDriver,
  type SenderProbe,
  type SentinelTask,
  type SentinelUpdate,
  type Session,
  type SessionRequest,
} from "../../sdk/index.ts";
import { membersOf } from "../../sdk/members-of.ts";
import { settlesWithin } from "../../sdk/settles-within.ts";
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

function probeDefect(probe: unknown): string | undefined {
  const { clockSkewMs, knownAs } = membersOf(probe);
  const isProbe =
    ["number", "undefined"].includes(typeof clockSkewMs) && ["string", "undefined"].includes(typeof knownAs);
  return isProbe ? undefined : "an answer about itself that is none";
}

function taskDefect(task: unknown): string | undefined {
  const { type, paths } = membersOf(task);
  const isTask = typeof type === "string" && Array.isArray(paths) && paths.every((path) => typeof path === "string");
  return task === undefined || isTask ? undefined : "a task without type and paths";
}

/**
 * Keeps a push from going on beside its repetition: an older row could then replace a newer one at the receiver. One
 * that nobody waits for any more gets a short time to end, so that its bytes are not used again while it reads them.
 */
class PushLane {
  readonly #calls: DriverCalls;
  readonly #heedMs: number;
  /** Until the driver's own promise settles. Never rejects. */
  #former: Promise<unknown> | undefined;

  constructor(calls: DriverCalls, heedMs: number) {
    this.#calls = calls;
    this.#heedMs = heedMs;
  }

  /** `push` hands what the driver promised to `begun`, and passes it on. */
  async next<T>(push: (begun: (promised: Promise<T>) => Promise<T>) => Promise<T>): Promise<T> {
    if (this.#former !== undefined && !(await this.#ended())) {
      throw this.#calls.defect("push", "goes on although its signal aborted: no other one can begin beside it");
    }
    try {
      return await push((promised) => this.#noted(promised));
    } catch (error) {
      await this.#ended();
      throw error;
    }
  }

  #noted<T>(promised: Promise<T>): Promise<T> {
    const over = (): void => {
      this.#former = undefined;
    };
    this.#former = Promise.resolve(promised).then(over, over);
    return promised;
  }

  #ended(): Promise<boolean> {
    const ended = Promise.resolve(this.#former).then(() => true);
    return settlesWithin(ended, this.#heedMs, () => new Error("late")).catch(() => false);
  }
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
  const request = <T>(
    method: string,
    { signal }: CallOptions,
    call: (options: CallOptions) => Promise<T>,
    check?: Check<T>,
  ): Promise<T> => calls.later(method, (own) => call({ signal: own }), omitUndefined({ boundMs, signal, check }));
  const pushes = new PushLane(calls, bounds.heedMs);
  const { getSentinelTasks, probe, sendSentinelFeedback } = driver;
  let closing: Promise<void> | undefined;
  const guarded = {
    createSession: (wish: SessionRequest, options: CallOptions): Promise<Session> =>
      request("createSession", options, (own) => driver.createSession(wish, own), sessionDefect),
    getLatestCommittedIndex: (id: string, options: CallOptions): Promise<number | undefined> =>
      request("getLatestCommittedIndex", options, (own) => driver.getLatestCommittedIndex(id, own), indexDefect),
    heartbeat: (id: string, facts: HeartbeatRequest, options: CallOptions): Promise<HeartbeatAnswer> =>
      request("heartbeat", options, (own) => driver.heartbeat(id, facts, own), heartbeatDefect),
    push: (id: string, envelope: Envelope, options: CallOptions): Promise<Acknowledgement> =>
      pushes.next((begun) =>
        request("push", options, (own) => begun(driver.push(id, envelope, own)), acknowledgementDefect),
      ),
    getSentinelTasks:
      getSentinelTasks &&
      ((id: string, options: CallOptions): Promise<SentinelTask | undefined> =>
        request("getSentinelTasks", options, (own) => getSentinelTasks.call(driver, id, own), taskDefect)),
    sendSentinelFeedback:
      sendSentinelFeedback &&
      ((id: string, updates: readonly SentinelUpdate[], options: CallOptions): Promise<void> =>
        request("sendSentinelFeedback", options, (own) => sendSentinelFeedback.call(driver, id, updates, own))),
    probe:
      probe &&
      ((options: CallOptions): Promise<SenderProbe> =>
        request("probe", options, (own) => probe.call(driver, own), probeDefect)),
    closeSession: (id: string, options: CallOptions): Promise<void> =>
      request("closeSession", options, (own) => driver.closeSession(id, own)),
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
