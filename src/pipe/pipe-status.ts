/**
 * What the world may know about a pipe at any moment: `status`, the control socket and the status page show it as it
 * is.
 */
import type { Role } from "../sdk/index.ts";

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

export type SnapshotState = "none" | "running" | "complete";

/** `waiting`: for its time; `pausing`: after a failure. */
export type AuditState = "off" | "waiting" | "running" | "pausing";

export interface AuditStatus {
  readonly state: AuditState;
  readonly lastCompleteAgoMs?: number;
  /** Audits whose end was accepted. */
  readonly runs: number;
  /** Audits given up before their end: they ended nothing. */
  readonly cutShort: number;
}

export interface SentinelStatus {
  /** Questions for suspects that were answered. */
  readonly rounds: number;
  /** Paths looked at, and how many of them were gone. */
  readonly checked: number;
  readonly missing: number;
  readonly failures: number;
}

/** Scans that the receiver asked for. */
export interface ScanStatus {
  readonly done: number;
  readonly failed: number;
  /** Outside the root, or too many at once. */
  readonly refused: number;
}

/**
 * Directories told again because the changes in them were too many to be kept for a receiver that is away or too slow.
 */
export interface RescanStatus {
  readonly state: "none" | "waiting" | "running";
  /** Rescans that ended, and the directories and rows that they told. */
  readonly runs: number;
  readonly directories: number;
  readonly rows: number;
  /** Rescans given up before their end; what they were to tell is told by the next one, or by a snapshot. */
  readonly cutShort: number;
  /** Directories still to be told. */
  readonly pending: number;
}

export interface PipeStatus {
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
  readonly audit: AuditStatus;
  readonly sentinel: SentinelStatus;
  readonly scans: ScanStatus;
  readonly rescans: RescanStatus;
  /** Rows accepted by the receiver, by phase. */
  readonly rowsSent: {
    readonly message: number;
    readonly snapshot: number;
    readonly audit: number;
    readonly on_demand_job: number;
  };
  readonly batchesSent: number;
  /** Bytes of bodies with events that were answered, as they were on the wire. */
  readonly bytesSent?: number;
  /** Calls to the receiver that failed: sessions, heartbeats and pushes. */
  readonly failures: number;
  /** Rows that the receiver refuses, left out. */
  readonly poisonRows: number;
  /**
   * Times changes were lost, because the receiver was too slow or the source's stream was interrupted: a snapshot
   * followed.
   */
  readonly changesLost: number;
  readonly lastError?: string;
  /** Live changes not yet accepted. */
  readonly backlog: number;
  /** Milliseconds from the kernel event to the acknowledgement, of the last live batch. */
  readonly lagMs?: number;
  /** Index of the last accepted live event, -1 when none. */
  readonly committedIndex: number;
  /** The receiver's clock minus ours. */
  readonly clockSkewMs?: number;
}
