/** What runs before this one left behind: whether one crashed, and when its session was last known to be alive. */
import type { Logger } from "../../sdk/index.ts";
import type { PipeStore } from "../../sdk/state-store.ts";
import type { Tombstones } from "../receiver/tombstones.ts";
import type { Predecessors } from "./predecessors.ts";

export class EarlierRun {
  #crashedAliveAt: number | undefined;
  #stoppedAliveAt: number | undefined;

  /** Before anything of this run is written over it. */
  async recall(store: PipeStore, tombstones: Tombstones, logger: Logger): Promise<void> {
    const knowsDeletes = await tombstones.load();
    if (!knowsDeletes)
      logger.warn({}, "the paths that earlier runs deleted are not known: young entries are sent in the lifting form");
    // A session that ended in order is forgotten; its deletes were all remembered.
    const crashed = (await store.rememberedSession().catch(() => undefined)) !== undefined;
    const aliveAt = await store.lastGoodHeartbeat?.().catch(() => undefined);
    const stoppedInOrder = !crashed && knowsDeletes;
    this.#crashedAliveAt = stoppedInOrder ? undefined : aliveAt;
    const tookOver = (await store.tookOver?.().catch(() => false)) ?? false;
    this.#stoppedAliveAt = stoppedInOrder && tookOver ? aliveAt : undefined;
  }

  /** What it may have left wrong at the receiver was put right. */
  settle(): void {
    this.#crashedAliveAt = undefined;
  }

  /** For a session before which this run had so many. */
  before(sessions: number): Predecessors {
    return {
      earlierRunAliveAt: this.#crashedAliveAt,
      stoppedRunAliveAt: this.#stoppedAliveAt,
      mayFollowOthers: sessions > 0,
    };
  }
}
