import type { PipeStatus } from "../pipe/pipe-status.ts";

/**
 * A snapshot in a word: one whose source is away waits until the source is back, and one that gives way to live changes
 * pauses, as one does that an operator paused.
 */
export function snapshotWord({
  state,
  snapshot,
  snapshotPaused,
}: Pick<PipeStatus, "state" | "snapshot" | "snapshotPaused">): string {
  if (snapshot !== "running") return snapshot;
  if (state === "waiting_for_source") return "waiting";
  return snapshotPaused === true ? "paused" : snapshot;
}
