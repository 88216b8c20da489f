/** A tree that is asked again when a call fails in passing: a receiver that restarts, a view that is not complete yet. */
import { setTimeout as pause } from "node:timers/promises";
import { type ComparableTree, FustorError, isFustorError, type Listing, type ListOptions } from "../sdk/index.ts";

const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 2000;

/** 100 ms, then twice as long each time, up to 2 s. */
export const nextPause = (pauseMs: number | undefined): number =>
  pauseMs === undefined ? FIRST_PAUSE_MS : Math.min(2 * pauseMs, LONGEST_PAUSE_MS);

/** Rejects with FUSTOR_ABORTED when the signal comes first. */
export async function pauseFor(pauseMs: number, signal: AbortSignal): Promise<void> {
  try {
    await pause(pauseMs, undefined, { signal });
  } catch {
    throw new FustorError("FUSTOR_ABORTED", "the comparison was cancelled");
  }
}

/** A call is repeated for so long after its first failure. */
export function patientTree(tree: ComparableTree, patienceMs: number): Pick<ComparableTree, "list"> {
  return {
    async list(path: string, options: ListOptions): Promise<Listing> {
      let pauseMs: number | undefined;
      let failedAt: number | undefined;
      for (;;) {
        try {
          return await tree.list(path, options);
        } catch (error) {
          failedAt ??= performance.now();
          const mayPass = isFustorError(error) && error.retryable;
          if (!mayPass || performance.now() - failedAt >= patienceMs) throw error;
        }
        pauseMs = nextPause(pauseMs);
        await pauseFor(pauseMs, options.signal);
      }
    },
  };
}
