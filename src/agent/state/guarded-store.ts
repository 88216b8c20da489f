/**
 * A state store of the program that runs the agent. What fails in it is logged with its name and counts as not known: what
 * is remembered of an earlier run saves work and is never needed.
 */

import { guardedPart } from "../../sdk/guarded-part.ts";
import type { FustorError, Logger } from "../../sdk/index.ts";
import type {
  DeletedStore,
  OpenPipeStore,
  OpenStateStore,
  StateStore,
  StateStoreContext,
} from "../../sdk/state-store.ts";
import { FileStateStore } from "./state-store.ts";

const METHODS = ["pipeStoreOf", "sourceStoreOf", "indexPathOf", "flush"];
const OF_A_SOURCE = ["recall", "remember"];
/** The others answer at once. */
const LATER = [
  ...["rememberedSession", "rememberSession", "lastGoodHeartbeat", "tookOver", "takeLeft", "noteLeft", "checkpoint"],
  ...["close", "load", "indexPathOf", "flush"],
];

/** The files of the home, unless the program brings a store of its own. */
export async function openStore(context: StateStoreContext, open: OpenStateStore | undefined): Promise<StateStore> {
  const { home, hostId, logger, owner } = context;
  if (open === undefined) return FileStateStore.open(home, hostId, logger, { owner });
  return guardedStore(await open(context), logger);
}

export function guardedStore(store: StateStore, logger: Logger): StateStore {
  const instead = (defect: FustorError): undefined => {
    logger.error({ err: defect }, "the state store failed: what it was asked counts as not known");
    return undefined;
  };
  const part = (name: string, methods: readonly string[]) => ({ name, methods, instead, later: LATER });
  const deletedKeys = part("state store's deleted keys", ["load", "note", "forget", "replace"]);
  const pipe = (open: OpenPipeStore): OpenPipeStore => {
    const deleted: DeletedStore | undefined = open.deleted && guardedPart(open.deleted, deletedKeys);
    const guarded = guardedPart(open, part("state store of a pipe", ["rememberedSession", "rememberSession", "close"]));
    return deleted === undefined ? guarded : withDeleted(guarded, deleted);
  };
  const named = guardedPart(store, { name: "state store", methods: METHODS });
  const quiet = guardedPart(store, part("state store", METHODS));
  return {
    // Without its stores there is no pipe and no source: this fails.
    pipeStoreOf: (...given) => pipe(named.pipeStoreOf(...given)),
    sourceStoreOf: (source) => guardedPart(named.sourceStoreOf(source), part("state store of a source", OF_A_SOURCE)),
    indexPathOf: (source) => quiet.indexPathOf(source),
    flush: () => quiet.flush(),
  };
}

const withDeleted = (store: OpenPipeStore, deleted: DeletedStore): OpenPipeStore =>
  new Proxy(store, { get: (target, key) => (key === "deleted" ? deleted : Reflect.get(target, key)) });
