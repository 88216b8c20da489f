/** A state store as a program might bring its own: what is noted outlives the agent, but not the process. */
import type { Checkpoint, LeftState, OpenPipeStore, StateStore, StateStoreContext } from "../../src/sdk/state-store.ts";

interface KeptPipe {
  session?: string | undefined;
  owner?: string | undefined;
  left?: LeftState | undefined;
  checkpoint?: (Checkpoint & { readonly rows: string }) | undefined;
  snapshotRows?: number;
}

interface Kept {
  readonly pipes: Map<string, KeptPipe>;
  readonly sources: Map<string, string>;
}

/** What all runs share, by home. */
const homes = new Map<string, Kept>();

export async function openMemoryState({ home, hostId, owner }: StateStoreContext): Promise<StateStore> {
  const kept = homes.get(home) ?? { pipes: new Map(), sources: new Map() };
  homes.set(home, kept);
  return {
    pipeStoreOf: (pipe, receiver, rows = "") => {
      const key = JSON.stringify([hostId, pipe, receiver]);
      const own: KeptPipe = kept.pipes.get(key) ?? {};
      kept.pipes.set(key, own);
      return pipeStore(own, owner, rows);
    },
    sourceStoreOf: (source) => ({
      recall: () => kept.sources.get(`${hostId} ${source}`),
      remember: (text) => void kept.sources.set(`${hostId} ${source}`, text),
    }),
    indexPathOf: async () => undefined,
    flush: async () => undefined,
  };
}

const pipeStore = (own: KeptPipe, owner: StateStoreContext["owner"], rows: string): OpenPipeStore => ({
  rememberedSession: async () => {
    if (own.session === undefined || (await owner.isGone(own.owner))) return own.session;
    return undefined;
  },
  rememberSession: async (session) => {
    own.session = session;
    own.owner = owner.self;
  },
  takeLeft: async () => {
    const { left } = own;
    own.left = undefined;
    return left;
  },
  noteLeft: async (left) => {
    own.left = left;
  },
  checkpoint: async () => {
    const { checkpoint } = own;
    if (checkpoint?.rows !== rows) return undefined;
    return { position: checkpoint.position, index: checkpoint.index };
  },
  noteCheckpoint: (checkpoint) => {
    own.checkpoint = checkpoint && { ...checkpoint, rows };
  },
  lastSnapshotRows: () => own.snapshotRows,
  noteSnapshot: (count) => {
    own.snapshotRows = count;
  },
  close: async () => undefined,
});
