/** What the service answers with success. Pure; a wrong shape is FUSTOR_SENDER_BAD_ANSWER. */
import { type Command, type HeartbeatAnswer, omitUndefined, type Role, type Session } from "fustor-agent/sdk";
import { badAnswer } from "./failures.ts";

type Members = Readonly<Record<string, unknown>>;

/** It becomes a header and part of paths. */
const SESSION_ID = /^[\x21-\x7e]{1,256}$/;
/** A timer holds no more. */
const MAX_SECONDS = 2_000_000;
const LEAST_HEARTBEAT_MS = 1_000;

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** The JSON object of an answer; no body at all counts as an empty one. `source` names it in errors. */
export function membersOf(text: string, source: string): Members {
  if (text.trim() === "") return {};
  const parsed = parse(text);
  if (typeof parsed !== "object" || parsed === null || Array.isArray(parsed)) {
    throw badAnswer(`the answer of ${source} is no JSON object; does a proxy answer instead of the service?`);
  }
  const members = parsed as Members;
  if (members.status === "error") throw badAnswer(`${source} answers with an error and a status of success`);
  return members;
}

const msOf = (value: unknown): number | undefined =>
  typeof value === "number" && value >= 0 ? Math.round(Math.min(value, MAX_SECONDS) * 1000) : undefined;

const roleOf = (value: unknown): Role | undefined => (value === "leader" || value === "follower" ? value : undefined);

/** A service that knows no roles has leaders alone. `seconds`: the timeout where it grants none. */
export function sessionOf(members: Members, source: string, seconds: number): Session {
  const { session_id: sessionId } = members;
  if (typeof sessionId !== "string" || !SESSION_ID.test(sessionId)) {
    throw badAnswer(`the answer of ${source} holds no session_id of 1 to 256 printable characters`);
  }
  return omitUndefined({
    sessionId,
    role: roleOf(members.role) ?? "leader",
    resumed: members.resumed === true ? true : undefined,
    sessionTimeoutMs: msOf(members.session_timeout_seconds) || seconds * 1000,
    leastHeartbeatMs: LEAST_HEARTBEAT_MS,
    auditIntervalMs: msOf(members.audit_interval_sec),
  });
}

const isCommand = (value: unknown): value is Command =>
  typeof value === "object" && value !== null && typeof (value as Members).type === "string";

/** `knownRole` stays when the answer names none. */
export const heartbeatOf = (members: Members, knownRole: Role): HeartbeatAnswer => ({
  role: roleOf(members.role) ?? knownRole,
  commands: Array.isArray(members.commands) ? members.commands.filter(isCommand) : [],
  snapshotNeeded: members.snapshot_needed === true,
});

/** The index that the service holds: a bare number, or `{"index": number}`. 0 and below stand for "nothing yet". */
export function indexOf(text: string, source: string): number | undefined {
  const parsed = parse(text);
  const index = typeof parsed === "object" && parsed !== null ? (parsed as Members).index : parsed;
  if (typeof index !== "number" || !Number.isSafeInteger(index)) {
    throw badAnswer(`the answer of ${source} is no whole number: the index of the last event that is kept, or 0`);
  }
  return index > 0 ? index : undefined;
}
