/** Live changes from the bus as work items of the scheduler. Leaders and followers send them alike. */
import type { BusBatch, BusSubscription } from "../../sdk/event-bus.ts";
import type { Change } from "../../sdk/index.ts";
import { eventsOfRun, type LiveItem, liveRuns } from "../encode/envelope-builder.ts";
import { isLiftable, type Tombstones } from "../receiver/tombstones.ts";
import type { BatchContext } from "./batch.ts";
import { LiveBatch } from "./live-batch.ts";
import type { BatchSize, WorkItem } from "./work-item.ts";

export type LiveEvent =
  | { readonly kind: "changes delivered"; readonly batch: BusBatch }
  /** Changes are missing, in these directories. */
  | { readonly kind: "directories lost"; readonly directories: readonly string[] }
  /** Changes are missing for ever. */
  | { readonly kind: "changes lost"; readonly reason: string };

export interface LiveParts {
  readonly bus: BusSubscription;
  readonly limits: BatchSize;
  readonly context: BatchContext;
  /** The schema knows tombstones. */
  readonly knowsTombstones: boolean;
  readonly emit: (event: LiveEvent) => void;
  /** {@link PipeParts.onTaken} */
  readonly onTaken?: (changes: readonly Change[]) => void;
}

/**
 * Decides which upserts need the lifting form: keys whose delete was sent before, and keys deleted earlier in this very
 * batch. Once a key was lifted in the batch its later upserts are ordinary ones.
 */
export function planItems(batch: Pick<BusBatch, "changes" | "indexes">, tombstones: Tombstones): LiveItem[] {
  const within = new Map<string, boolean>();
  return batch.changes.map((change, i) => {
    const index = batch.indexes[i] ?? -1;
    if (change.op === "delete") {
      within.set(change.key, true);
      return { change, index, lift: false };
    }
    const lift = isLiftable(change.row) && (within.get(change.key) ?? tombstones.needsLive(change.key, change.row));
    if (lift) within.set(change.key, false);
    return { change, index, lift };
  });
}

export class LiveChanges {
  readonly #parts: LiveParts;

  constructor(parts: LiveParts) {
    this.#parts = parts;
  }

  next(): WorkItem | undefined {
    const { bus, limits, emit, onTaken } = this.#parts;
    for (;;) {
      const taken = bus.take(limits.events * limits.eventRows, limits.bytes);
      if (taken === undefined) return undefined;
      if (taken.kind === "lost") {
        emit({ kind: "changes lost", reason: taken.reason });
        continue;
      }
      if (taken.kind === "dirty") {
        emit({ kind: "directories lost", directories: taken.directories });
        continue;
      }
      onTaken?.(taken.changes);
      return {
        batches: this.#batches(taken),
        isCancelled: () => false,
        delivered: () => {
          bus.commit(taken);
          emit({ kind: "changes delivered", batch: taken });
        },
        // It stays uncommitted: the pipe rewinds the bus before the next session.
        abandoned: () => undefined,
      };
    }
  }

  #batches(batch: BusBatch): LiveBatch[] {
    const { limits, context, knowsTombstones } = this.#parts;
    const items: LiveItem[] = knowsTombstones
      ? planItems(batch, context.tombstones)
      : batch.changes.map((change, i) => ({ change, index: batch.indexes[i] ?? -1, lift: false }));
    return liveBatches(items, limits, context);
  }
}

/** Cut so that none has more events than a POST may hold. */
export function liveBatches(items: readonly LiveItem[], limits: BatchSize, context: BatchContext): LiveBatch[] {
  const batches: LiveBatch[] = [];
  let waiting: LiveItem[] = [];
  let events = 0;
  for (const run of liveRuns(items, limits.eventRows)) {
    if (waiting.length > 0 && events + eventsOfRun(run) > limits.events) {
      batches.push(new LiveBatch(waiting, context));
      waiting = [];
      events = 0;
    }
    waiting.push(...run.items);
    events += eventsOfRun(run);
  }
  if (waiting.length > 0) batches.push(new LiveBatch(waiting, context));
  return batches;
}
