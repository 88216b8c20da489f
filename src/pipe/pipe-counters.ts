import type { BusBatch } from "../bus/subscription.ts";
import { describeError } from "../sdk/index.ts";
import type { Phase } from "./phase.ts";

/** Audits over all sessions. */
export interface AuditCounters {
  runs: number;
  cutShort: number;
  /** Monotonic ms. */
  lastCompleteAt: number | undefined;
}

export interface SentinelCounters {
  rounds: number;
  checked: number;
  missing: number;
  failures: number;
}

export interface ScanCounters {
  done: number;
  failed: number;
  refused: number;
}

export interface RescanCounters {
  runs: number;
  directories: number;
  rows: number;
  cutShort: number;
}

/** What a pipe counts over all its sessions, for its status. */
export class PipeCounters {
  readonly rowsSent: Record<Phase, number> = { message: 0, snapshot: 0, audit: 0, on_demand_job: 0 };
  readonly audit: AuditCounters = { runs: 0, cutShort: 0, lastCompleteAt: undefined };
  readonly sentinel: SentinelCounters = { rounds: 0, checked: 0, missing: 0, failures: 0 };
  readonly scans: ScanCounters = { done: 0, failed: 0, refused: 0 };
  readonly rescans: RescanCounters = { runs: 0, directories: 0, rows: 0, cutShort: 0 };
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
