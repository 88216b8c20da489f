/**
 * From when on entries may lie under a tombstone of another run: one that died between a delete and the row that brings
 * the path back, whose delete may even come out of the receiver's queue after our own rows. Pure.
 */
export interface TakeOver {
  /** Epoch ms of the moment this run began to lead. */
  readonly at: number;
  /** When an earlier run that may not have ended in order last knew its session to be alive, epoch ms. */
  readonly earlierRunAliveAt: number | undefined;
  /**
   * Another agent may have led the view before: this is not the first session of a run, or it did not begin as a
   * leader.
   */
  readonly mayFollowOthers: boolean;
  readonly sessionTimeoutMs: number;
}

/** Session timeouts after which no row is under way any more. */
export const TIMEOUTS = 3;

/** Epoch second; rows whose ctime is at least this are to be lifted. Undefined = there was nobody before us. */
export function liftFromSecond({
  at,
  earlierRunAliveAt,
  mayFollowOthers,
  sessionTimeoutMs,
}: TakeOver): number | undefined {
  if (earlierRunAliveAt === undefined && !mayFollowOthers) return undefined;
  const lastKnownGood = Math.min(at, earlierRunAliveAt ?? at);
  return Math.floor((lastKnownGood - TIMEOUTS * sessionTimeoutMs) / 1000);
}
