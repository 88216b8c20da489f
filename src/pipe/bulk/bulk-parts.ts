/** What all jobs in bulk of a session are made of, and the events that they report to it. */
import type { BusSubscription } from "../../sdk/event-bus.ts";
import type { Logger, SourceDriver } from "../../sdk/index.ts";
import type { Signal } from "../../sdk/signal.ts";
import type { BackoffSettings } from "../backoff.ts";
import type { Ambience } from "../pipe-options.ts";
import type { BatchContext } from "../send/batch.ts";
import type { BatchSize } from "../send/work-item.ts";
import type { Superseded } from "./superseded.ts";

export type BulkEvent =
  /** The receiver accepted the end of a snapshot of everything. Followed by "snapshot ended". */
  | { readonly kind: "snapshot complete"; readonly rows: number }
  /** The receiver accepted the end of a snapshot, be it of everything or of nothing. */
  | { readonly kind: "snapshot ended" }
  /** Every audit that the take-over asked for is complete. */
  | { readonly kind: "took over" }
  /** The receiver got once more what changed around the end of the run before. */
  | { readonly kind: "restated" }
  /** The receiver asked for a snapshot at that moment, and it was too soon for one. */
  | { readonly kind: "snapshot wanted"; readonly askedAt: number }
  /** Changes were lost that no rescan of their directories can bring back. */
  | { readonly kind: "changes lost"; readonly reason: string };

/** What the runners of all jobs share. */
export interface RunnerParts {
  readonly superseded: Superseded;
  readonly context: BatchContext;
  readonly ambience: Ambience;
  readonly backoff: BackoffSettings;
  readonly logger: Logger;
  /** Raised when `next` may have something. */
  readonly news: Signal;
}

export interface BulkParts extends RunnerParts {
  readonly source: SourceDriver;
  /** Size of a batch as configured, and less while live changes come. */
  readonly limits: BatchSize;
  readonly pace: BatchSize;
  /** The schema knows tombstones. */
  readonly knowsTombstones: boolean;
  /** Whose index rows in bulk carry: the newest that does not overtake a live change still to come. */
  readonly bus: Pick<BusSubscription, "committedIndex">;
  readonly emit: (event: BulkEvent) => void;
}
