/** A session with Fusion, its role and the commands that come back with heartbeats. See docs/protocol.md. */

export type Role = "leader" | "follower";

export interface SessionRequest {
  /** `<agent id>:<pipe id>` */
  readonly taskId: string;
  /** The source's schema name, e.g. `fs`. */
  readonly sourceType: string;
  readonly sourceUri: string;
  /** The session in which an earlier run left everything delivered: the receiver is asked whether it holds that. */
  readonly resumes?: string;
  /** Asked for; Fusion decides. Whole seconds (a fraction is refused by Fusion with 422). */
  readonly sessionTimeoutSeconds?: number;
}

export interface Session {
  readonly sessionId: string;
  readonly role: Role;
  /** The receiver holds exactly what the session left that was named in {@link SessionRequest.resumes}. */
  readonly resumed?: boolean;
  /** Without a heartbeat for this long Fusion gives the session up. */
  readonly sessionTimeoutMs: number;
  /** Heartbeats are never sent more often than this, however short the timeout is. */
  readonly leastHeartbeatMs?: number;
  /** Intervals that override ours; 0 = off, undefined = keep ours. */
  readonly auditIntervalMs?: number;
  readonly sentinelIntervalMs?: number;
}

/** What may be logged of a session's id, half of it at most: all of it is a key to the session. */
export const shortId = (sessionId: string): string => sessionId.slice(0, Math.min(8, sessionId.length >> 1));

/** A command as it came, snake_case members untouched; unknown types are possible. */
export interface Command {
  readonly type: string;
  readonly [member: string]: unknown;
}

export interface HeartbeatRequest {
  /** The realtime stream has been polled at least once in this session. */
  readonly canRealtime: boolean;
}

export interface HeartbeatAnswer {
  readonly role: Role;
  readonly commands: readonly Command[];
  readonly snapshotNeeded: boolean;
  /** The receiver's wall clock minus ours in milliseconds, when the answer shows it (the Date header, so +-1 s). */
  readonly clockSkewMs?: number;
}
