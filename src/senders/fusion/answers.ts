/** Reads the receiver's 2xx answers. Pure; a wrong shape is FUSTOR_SENDER_BAD_ANSWER. */
import {
  type Acknowledgement,
  type Command,
  FustorError,
  type HeartbeatAnswer,
  omitUndefined,
  type Role,
  type SentinelTask,
  type Session,
} from "../../sdk/index.ts";

type Members = Readonly<Record<string, unknown>>;

const DEFAULT_SESSION_TIMEOUT_SECONDS = 30;
/** Sessions live for whole seconds: a receiver that grants less gets no more than one heartbeat a second. */
const LEAST_TIMEOUT_MS = 1_000;
const LEAST_SENTINEL_MS = 5_000;
/** It becomes part of paths. */
const SESSION_ID = /^[\x21-\x7e]{1,256}$/;
/** The longest a timer can be set to, about 24 days. */
const MAX_MS = 2 ** 31 - 1;

const badAnswer = (what: string): FustorError => new FustorError("FUSTOR_SENDER_BAD_ANSWER", what, { retryable: true });

/** The JSON object an answer holds; `source` names the answer in the error, e.g. `localhost:8102 (heartbeat)`. */
export function parseMembers(text: string, source: string): Members {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    throw badAnswer(`the answer of ${source} is not JSON; is there a Fusion receiver behind this address?`);
  }
  if (typeof parsed !== "object" || parsed === null || Array.isArray(parsed)) {
    throw badAnswer(`the answer of ${source} is not a JSON object`);
  }
  return parsed as Members;
}

function secondsToMs(value: unknown): number | undefined {
  if (typeof value !== "number" || !(value >= 0)) return undefined;
  return Math.min(Math.round(value * 1000), MAX_MS);
}

/** 0 means off. */
const atLeast = (leastMs: number, ms: number | undefined): number | undefined =>
  ms === undefined || ms === 0 ? ms : Math.max(ms, leastMs);

const roleOf = (value: unknown): Role | undefined => (value === "leader" || value === "follower" ? value : undefined);

export function readSession(members: Members, source: string, requestedSeconds: number | undefined): Session {
  const sessionId = members.session_id;
  if (typeof sessionId !== "string" || sessionId === "") throw badAnswer(`the answer of ${source} holds no session_id`);
  if (!SESSION_ID.test(sessionId)) {
    throw badAnswer(`the answer of ${source} holds a session_id of more than 256 characters, or with odd ones in it`);
  }
  const granted = secondsToMs(members.session_timeout_seconds);
  const auditIntervalMs = secondsToMs(members.audit_interval_sec);
  const sentinelIntervalMs = atLeast(LEAST_SENTINEL_MS, secondsToMs(members.sentinel_interval_sec));
  const sessionTimeoutMs = granted || (requestedSeconds ?? DEFAULT_SESSION_TIMEOUT_SECONDS) * 1000;
  return omitUndefined({
    sessionId,
    role: roleOf(members.role) ?? "follower",
    resumed: members.resumed === true ? true : undefined,
    sessionTimeoutMs,
    leastHeartbeatMs: sessionTimeoutMs < LEAST_TIMEOUT_MS ? LEAST_TIMEOUT_MS : undefined,
    auditIntervalMs,
    sentinelIntervalMs,
  });
}

const isCommand = (value: unknown): value is Command =>
  typeof value === "object" && value !== null && typeof (value as Members).type === "string";

/** `knownRole` stays when the answer names none: a leader must not step down because of a terse answer. */
export function readHeartbeat(members: Members, source: string, knownRole: Role): Omit<HeartbeatAnswer, "clockSkewMs"> {
  if (members.status === "error") {
    throw new FustorError("FUSTOR_SESSION_LOST", `${source} answers with an error: the session counts as lost`);
  }
  return {
    role: roleOf(members.role) ?? knownRole,
    commands: Array.isArray(members.commands) ? members.commands.filter(isCommand) : [],
    snapshotNeeded: members.snapshot_needed === true,
  };
}

export function readAcknowledgement(members: Members, source: string): Acknowledgement {
  if (members.status === "error") throw badAnswer(`${source} answers with an error and a status of success`);
  return { snapshotNeeded: members.snapshot_needed === true };
}

/** Whom the receiver takes the owner of the key for: Fusion says `view_id`, and means the pipe of a push key. */
export const readOwner = ({ view_id: owner }: Members): string | undefined =>
  typeof owner === "string" && owner !== "" ? owner : undefined;

/** An empty object is no task. */
export function readSentinelTask(members: Members): SentinelTask | undefined {
  const { type, paths } = members;
  if (typeof type !== "string" || !Array.isArray(paths)) return undefined;
  return { type, paths: paths.filter((path) => typeof path === "string") };
}

/** 0 and -1 both stand for "nothing received yet". */
export function readPosition(text: string): number | undefined {
  try {
    const index: unknown = parseMembers(text, "position").index;
    return Number.isSafeInteger(index) && (index as number) > 0 ? (index as number) : undefined;
  } catch {
    return undefined;
  }
}

/** Whether an `Accept-Encoding` header of an answer invites gzip for later request bodies. */
export function invitesGzip(header: string | undefined): boolean {
  return (header ?? "").split(",").some((entry) => {
    const [coding, ...parameters] = entry.split(";").map((part) => part.trim().toLowerCase());
    return coding === "gzip" && !parameters.some((parameter) => /^q=0(\.0*)?$/.test(parameter));
  });
}

/** The far clock minus ours at the middle of the exchange; the header has whole seconds, so their middle is taken. */
export function clockSkew(dateHeader: string | undefined, startedMs: number, endedMs: number): number | undefined {
  const farMs = dateHeader === undefined ? Number.NaN : Date.parse(dateHeader);
  return Number.isNaN(farMs) ? undefined : Math.round(farMs + 500 - (startedMs + endedMs) / 2);
}
