import type { BusBatch } from "../sdk/event-bus.ts";
import { describeError } from "../sdk/index.ts";
import { type Counting, zeroCounts } from "./counters.ts";

/** Audits over all sessions. */
export interface AuditCounters extends Counting<"audit"> {
  /** Monotonic ms. */
  lastCompleteAt: number | undefined;
}

export type SentinelCounters = Counting<"sentinel">;
export type ScanCounters = Counting<"scans">;
export type RescanCounters = Counting<"rescans">;

/** What a pipe counts over all its sessions, for its status. */
export class PipeCounters {
  readonly pipe = zeroCounts("pipe");
  readonly rowsSent = zeroCounts("rowsSent");
  readonly audit: AuditCounters = { ...zeroCounts("audit"), lastCompleteAt: undefined };
  readonly sentinel = zeroCounts("sentinel");
  readonly scans = zeroCounts("scans");
  readonly rescans = zeroCounts("rescans");
  lastError: string | undefined;
  /** From the kernel event to the acknowledgement, of the last live batch. */
  lagMs: number | undefined;

  fail(error: unknown): void {
    this.pipe.failures++;
    this.lastError = describeError(error);
  }

  delivered(batch: BusBatch, now: number): void {
    this.lagMs = Math.round(batch.lagMs + now - batch.enteredAt);
  }
}
