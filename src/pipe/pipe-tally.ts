import type { BusBatch } from "../bus/event-bus.ts";
import { describeError } from "../sdk/index.ts";

/** What a pipe counts over all its sessions, for its status. */
export class PipeTally {
  readonly rowsSent = { message: 0, snapshot: 0 };
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
