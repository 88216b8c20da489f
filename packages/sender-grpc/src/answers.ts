/** What the receiver answers with success. Pure; a wrong shape is FUSTOR_SENDER_BAD_ANSWER. */
import {
  type Command,
  type HeartbeatAnswer,
  omitUndefined,
  type Role,
  type SentinelTask,
  type Session,
} from "fustor-agent/sdk";
import { badAnswer } from "./failures.ts";
import type {
  HeartbeatAnswer as HeartbeatMessage,
  SentinelTask as SentinelMessage,
  SessionOpened,
} from "./gen/fustor/v1/receiver_pb.ts";

/** It stands in messages and files. */
const SESSION_ID = /^[\x21-\x7e]{1,256}$/;
const DEFAULT_TIMEOUT_SECONDS = 30;
const LEAST_TIMEOUT_MS = 1_000;
const LEAST_SENTINEL_MS = 5_000;
/** The longest a timer can be set to. */
const MAX_MS = 2 ** 31 - 1;

const msOf = (seconds: number | undefined): number | undefined =>
  seconds === undefined || !(seconds >= 0) ? undefined : Math.min(Math.round(seconds * 1000), MAX_MS);

const roleOf = (value: string): Role | undefined => (value === "leader" || value === "follower" ? value : undefined);

/** 0 means off. */
const atLeast = (leastMs: number, ms: number | undefined): number | undefined =>
  ms === undefined || ms === 0 ? ms : Math.max(ms, leastMs);

export function sessionOf(opened: SessionOpened, address: string, asked: number | undefined): Session {
  const { sessionId } = opened;
  if (!SESSION_ID.test(sessionId)) throw badAnswer(`${address} opens a session without an id that can be used`);
  const sessionTimeoutMs = msOf(opened.sessionTimeoutSeconds) || (asked ?? DEFAULT_TIMEOUT_SECONDS) * 1000;
  return omitUndefined({
    sessionId,
    role: roleOf(opened.role) ?? "follower",
    resumed: opened.resumed ? true : undefined,
    sessionTimeoutMs,
    leastHeartbeatMs: sessionTimeoutMs < LEAST_TIMEOUT_MS ? LEAST_TIMEOUT_MS : undefined,
    auditIntervalMs: msOf(opened.auditIntervalSec),
    sentinelIntervalMs: atLeast(LEAST_SENTINEL_MS, msOf(opened.sentinelIntervalSec)),
  });
}

function commandOf(text: string): Command | undefined {
  try {
    const value: unknown = JSON.parse(text);
    const isCommand = typeof value === "object" && value !== null && typeof (value as Command).type === "string";
    return isCommand ? (value as Command) : undefined;
  } catch {
    return undefined;
  }
}

/** `knownRole` stays when the answer names none. */
export const heartbeatOf = (answer: HeartbeatMessage, knownRole: Role): HeartbeatAnswer => ({
  role: roleOf(answer.role) ?? knownRole,
  commands: answer.commands.map(commandOf).filter((command) => command !== undefined),
  snapshotNeeded: answer.snapshotNeeded,
});

/** 0 and below stand for "nothing received yet". */
export function indexOf(index: bigint | undefined): number | undefined {
  const value = Number(index ?? 0n);
  return Number.isSafeInteger(value) && value > 0 ? value : undefined;
}

export const taskOf = ({ type, paths }: SentinelMessage): SentinelTask | undefined =>
  type === undefined ? undefined : { type, paths };

/** The receiver's clock minus ours at the middle of the exchange. */
export function clockSkew(clockMs: number, startedMs: number, endedMs: number): number | undefined {
  return clockMs > 0 ? Math.round(clockMs - (startedMs + endedMs) / 2) : undefined;
}
