/** What is known of those who led before this session, and what follows from it. */
import type { Predecessor } from "../bulk/audit-plan.ts";
import type { OpenSession } from "./connector.ts";

export interface Predecessors {
  /** When an earlier run that may not have ended in order last knew its session to be alive, epoch ms. */
  readonly earlierRunAliveAt: number | undefined;
  /** When a run of ours that led, and was stopped in order, last knew its session to be alive, epoch ms. */
  readonly stoppedRunAliveAt: number | undefined;
  /** Another agent may have led the view before: this is not the first session of the run. */
  readonly mayFollowOthers: boolean;
}

/** Whether tombstones may be there that this run never heard of. */
export const mayHaveTombstones = ({ session }: OpenSession, before: Predecessors): boolean =>
  before.earlierRunAliveAt !== undefined || before.mayFollowOthers || session.role === "follower";

/**
 * While the session of a stopped run would not have expired yet, no other agent can have led and died: Fusion would
 * still take that session for the leader.
 */
export function predecessorOf({ session }: OpenSession, before: Predecessors, wallClockMs: number): Predecessor {
  const { mayFollowOthers, stoppedRunAliveAt } = before;
  if (session.role !== "leader" || mayFollowOthers || stoppedRunAliveAt === undefined) return "unknown";
  const ago = wallClockMs - stoppedRunAliveAt;
  return ago >= 0 && ago < session.sessionTimeoutMs ? "own run that was stopped" : "unknown";
}
