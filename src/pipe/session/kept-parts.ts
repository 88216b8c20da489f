/** What a pipe keeps from one session to the next. */
import { DirtyDirectories, MOST_DIRTY } from "../../bus/dirty-directories.ts";
import type { BackoffSettings } from "../backoff.ts";
import { Superseded } from "../bulk/superseded.ts";
import { builderOf } from "../encode/builder-of.ts";
import { PipeCounters } from "../pipe-counters.ts";
import type { PipeParts } from "../pipe-options.ts";
import { Completeness } from "../receiver/completeness.ts";
import { Tombstones } from "../receiver/tombstones.ts";
import type { BatchContext } from "../send/batch.ts";
import { BatchLimits } from "../send/batch-limits.ts";

export interface KeptParts {
  readonly limits: BatchLimits;
  readonly context: BatchContext;
  readonly superseded: Superseded;
  /** Their rows have to be sent again. */
  readonly dirty: DirtyDirectories;
  readonly history: Completeness;
  readonly counters: PipeCounters;
  /** For sessions; a snapshot that waits for its source uses it too. */
  readonly connectBackoff: BackoffSettings;
}

/** `leads` answers for the moment: does the receiver take this agent for the leader? */
export function keptParts(parts: PipeParts, leads: () => boolean): KeptParts {
  const { settings, ambience, store } = parts;
  const { batchEvents: events, eventRows, batchBytes: bytes } = settings;
  const history = new Completeness((checkpoint) => store.noteCheckpoint?.(checkpoint));
  const counters = new PipeCounters();
  const superseded = new Superseded();
  return {
    limits: new BatchLimits({ events, eventRows, bytes }, () => ambience.now()),
    context: {
      builder: builderOf(parts, () => leads() && !history.isComplete),
      tombstones: new Tombstones(undefined, store.deleted),
      superseded,
      onRows: (phase, rows) => {
        counters.rowsSent[phase] += rows;
      },
    },
    superseded,
    dirty: new DirtyDirectories(MOST_DIRTY),
    history,
    counters,
    connectBackoff: {
      firstMs: settings.errorRetryIntervalMs,
      multiplier: settings.backoffMultiplier,
      maxMs: settings.maxBackoffMs,
      maxConsecutiveErrors: settings.maxConsecutiveErrors,
    },
  };
}
