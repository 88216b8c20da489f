/** What a pipe keeps over the death of its process, in memory, and the settings that tests of pipes begin with. */
import type { PipeSettings } from "../../src/pipe/pipe-options.ts";
import type { Checkpoint, DeletedStore, PipeStore } from "../../src/sdk/state-store.ts";

export class FakeStore implements PipeStore {
  session: string | undefined;
  aliveAt: number | undefined;
  hasTakenOver = false;
  /** Undefined = cannot be read. */
  keys: Set<string> | undefined = new Set();
  /** So many paths were deleted that none is known one by one any more. */
  everything = false;
  /** Of whose paths some were deleted, nobody knows which ones. */
  directories: readonly string[] = [];
  readonly deleted: DeletedStore = {
    load: async () =>
      this.keys === undefined
        ? undefined
        : { keys: [...this.keys], directories: this.directories, everything: this.everything },
    note: (keys) => {
      for (const key of keys) this.keys?.add(key);
    },
    forget: (keys) => {
      for (const key of keys) this.keys?.delete(key);
    },
    replace: ({ keys }) => {
      this.keys = new Set(keys);
    },
  };

  kept: Checkpoint | undefined;

  async checkpoint(): Promise<Checkpoint | undefined> {
    return this.kept;
  }

  noteCheckpoint(checkpoint: Checkpoint | undefined): void {
    this.kept = checkpoint;
  }

  async lastGoodHeartbeat(): Promise<number | undefined> {
    return this.aliveAt;
  }

  async tookOver(): Promise<boolean> {
    return this.hasTakenOver;
  }

  noteTookOver(done: boolean): void {
    this.hasTakenOver = done;
  }

  async rememberedSession(): Promise<string | undefined> {
    return this.session;
  }

  async rememberSession(sessionId: string | undefined): Promise<void> {
    this.session = sessionId;
  }
}

export const testSettings: PipeSettings = {
  id: "pipe-1",
  taskId: "agent-1:pipe-1",
  errorRetryIntervalMs: 20,
  maxConsecutiveErrors: 5,
  backoffMultiplier: 2,
  maxBackoffMs: 100,
  fieldsMapping: [],
  batchEvents: 10,
  eventRows: 10,
  batchBytes: 1_000_000,
  auditIntervalMs: 0,
  snapshotPauseLagMs: 0,
  sentinelIntervalMs: 0,
};
