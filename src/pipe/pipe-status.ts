/**
 * What the world may know about a pipe at any moment: `status`, the control socket and the status page show it as it
 * is.
 */
import type { Role } from "../sdk/index.ts";
import { type Counts, zeroCounts } from "./counters.ts";

export type PipeState =
  | "stopped"
  | "connecting"
  /** Session there, nothing to wait for. */
  | "running"
  /** The source is away or still starting; `info` says why. */
  | "waiting_for_source"
  /** Between two attempts to get a session; `info` says why. */
  | "reconnecting"
  | "key_refused"
  /** Another agent holds the pipe (409). */
  | "standby"
  | "draining"
  | "failed";

/** `paused`, `cancelled`: by an operator. */
export type SnapshotState = "none" | "running" | "paused" | "complete" | "cancelled";

/** What an operator may do with the snapshot that runs. */
export type SnapshotCommand = "pause" | "resume" | "cancel";

/** `waiting`: for its time; `pausing`: after a failure. */
export type AuditState = "off" | "waiting" | "running" | "pausing";

export interface AuditStatus extends Counts<"audit"> {
  readonly state: AuditState;
  readonly lastCompleteAgoMs?: number;
}

/**
 * Directories sent again because the changes in them were too many to be kept for a receiver that is away or too slow.
 */
export interface RescanStatus extends Counts<"rescans"> {
  readonly state: "none" | "waiting" | "running";
  /** Directories still to be sent. */
  readonly pending: number;
}

/** With every counter of counters.ts. */
export interface PipeStatus extends Counts<"pipe"> {
  readonly id: string;
  readonly state: PipeState;
  /** One sentence for people. */
  readonly info: string;
  readonly role?: Role;
  /** First 8 characters: the whole id is a secret of the session. */
  readonly session?: string;
  readonly snapshot: SnapshotState;
  readonly snapshotRows: number;
  readonly snapshotExpectedRows?: number;
  /** While one runs. */
  readonly snapshotRowsPerSecond?: number;
  /** While one runs and a total is known: how long it will still take. */
  readonly snapshotEtaMs?: number;
  /** It waits because live changes are late. */
  readonly snapshotPaused?: boolean;
  /** How long ago an operator paused it, while it is paused. */
  readonly snapshotPausedForMs?: number;
  readonly audit: AuditStatus;
  readonly sentinel: Counts<"sentinel">;
  /** Scans that Fusion asked for. */
  readonly scans: Counts<"scans">;
  readonly rescans: RescanStatus;
  /** Rows accepted by the receiver, by phase. */
  readonly rowsSent: Counts<"rowsSent">;
  /** Bytes of bodies with events that were answered, as they were on the wire. */
  readonly bytesSent?: number;
  readonly lastError?: string;
  /** While it waits for its next attempt to get a session: failures in a row, and how long it will still wait. */
  readonly retry?: { readonly failures: number; readonly nextInMs: number };
  /** Live changes not yet accepted. */
  readonly backlog: number;
  /** How long the oldest of them has been waiting. */
  readonly backlogAgeMs?: number;
  /** Milliseconds from the kernel event to the acknowledgement, of the last live batch. */
  readonly lagMs?: number;
  /** Index of the last accepted live event, -1 when none. */
  readonly committedIndex: number;
  /** The receiver's clock minus ours. */
  readonly clockSkewMs?: number;
}

/** Of a pipe that does not run: nothing happened, and nothing is known. */
export const idleStatus = (id: string, state: PipeState, info: string): PipeStatus => ({
  id,
  state,
  info,
  snapshot: "none",
  snapshotRows: 0,
  ...zeroCounts("pipe"),
  audit: { state: "off", ...zeroCounts("audit") },
  sentinel: zeroCounts("sentinel"),
  scans: zeroCounts("scans"),
  rescans: { state: "none", ...zeroCounts("rescans"), pending: 0 },
  rowsSent: zeroCounts("rowsSent"),
  backlog: 0,
  committedIndex: -1,
});
