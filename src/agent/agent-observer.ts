/** What the agent lets others see of its pipes while they work. Every call must return at once. */
import type { PipeState, SnapshotCommand } from "../pipe/pipe-status.ts";
import type { Change } from "../sdk/index.ts";

export interface AgentObserver {
  /** Live changes as the pipe takes them off the bus. */
  onTaken(pipe: string, changes: readonly Change[]): void;
  onPipeState(pipe: string, state: PipeState, info: string): void;
}

/** Why a pipe begins no snapshot although it is asked to. */
export type SnapshotRefusal = "no leader" | "runs already";

export type { SnapshotCommand };
