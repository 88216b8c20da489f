import type { BusBatch } from "../bus/event-bus.ts";
import { describeError } from "../sdk/index.ts";
import type { ShipmentPhase } from "./shipment.ts";

/** What a pipe counts over all its sessions, for its status. */
export class PipeTally {
  readonly rowsSent: Record<ShipmentPhase, number> = { message: 0, snapshot: 0, audit: 0, on_demand_job: 0 };
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
