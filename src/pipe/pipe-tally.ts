import type { BusBatch } from "../bus/event-bus.ts";
import { describeError } from "../sdk/index.ts";
import type { ShipmentPhase } from "./shipment.ts";

/** Audits over all sessions. */
export interface AuditTally {
  runs: number;
  cutShort: number;
  /** Monotonic ms. */
  lastCompleteAt: number | undefined;
}

export interface SentinelTally {
  rounds: number;
  checked: number;
  missing: number;
  failures: number;
}

export interface ScanTally {
  done: number;
  failed: number;
  refused: number;
}

export interface RescanTally {
  runs: number;
  directories: number;
  rows: number;
  cutShort: number;
}

/** What a pipe counts over all its sessions, for its status. */
export class PipeTally {
  readonly rowsSent: Record<ShipmentPhase, number> = { message: 0, snapshot: 0, audit: 0, on_demand_job: 0 };
  readonly audit: AuditTally = { runs: 0, cutShort: 0, lastCompleteAt: undefined };
  readonly sentinel: SentinelTally = { rounds: 0, checked: 0, missing: 0, failures: 0 };
  readonly scans: ScanTally = { done: 0, failed: 0, refused: 0 };
  readonly rescans: RescanTally = { runs: 0, directories: 0, rows: 0, cutShort: 0 };
  batchesSent = 0;
  failures = 0;
  poisonRows = 0;
  changesLost = 0;
  lastError: string | undefined;
  /** From the kernel event to the acknowledgement, of the last live batch. */
  lagMs: number | undefined;

  fail(error: unknown): void {
    this.failures++;
    this.lastError = describeError(error);
  }

  delivered(batch: BusBatch, now: number): void {
    this.lagMs = Math.round(batch.lagMs + now - batch.enteredAt);
  }
}
