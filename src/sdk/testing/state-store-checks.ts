/** The contract of a state store, rule by rule: what one run of an agent notes, the next one is told. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { silentLogger } from "../observer.ts";
import type { OpenStateStore, StateStore, StateStoreContext } from "../state-store.ts";
import { type ContractCheck, demand, demandEqual, soon } from "./contract-check.ts";

const RECEIVER = "http://receiver:8102";
const OTHER = "http://elsewhere:8102";

interface Scene {
  /** A store of a further run; what the one before noted is kept by then. */
  run(changed?: Partial<StateStoreContext>): Promise<StateStore>;
}

type Play = (scene: Scene) => Promise<void>;

/** The pipe of a run that has come after. */
const later = async ({ run }: Scene, changed?: Partial<StateStoreContext>, receiver = RECEIVER) =>
  (await run(changed)).pipeStoreOf("p", receiver, "rows");

const SESSION: Play = async (scene) => {
  await (await later(scene)).rememberSession("s1");
  demandEqual(await (await later(scene)).rememberedSession(), "s1", "the session after a restart");
  const other = await later(scene, {}, OTHER);
  demandEqual(await other.rememberedSession(), undefined, "the session towards another receiver");
  await (await later(scene)).rememberSession(undefined);
  demandEqual(await (await later(scene)).rememberedSession(), undefined, "a session that was forgotten");
};

const HOST: Play = async (scene) => {
  await (await later(scene)).rememberSession("s1");
  const store = await later(scene, { hostId: "another" });
  demandEqual(await store.rememberedSession(), undefined, "the session on another host");
};

const OWNER: Play = async (scene) => {
  await (await later(scene, { owner: { self: "run-1", isGone: async () => true } })).rememberSession("s1");
  let asked: string | undefined;
  const owner = {
    self: "run-2",
    isGone: async (run: string | undefined) => {
      asked = run;
      return false;
    },
  };
  demandEqual(
    await (await later(scene, { owner })).rememberedSession(),
    undefined,
    "the session of a run that goes on",
  );
  demandEqual(asked, "run-1", "the owner that was asked after");
};

const LEFT: Play = async (scene) => {
  const left = { session: "s1", generation: "g1" };
  const first = await later(scene);
  if (first.noteLeft === undefined) return;
  await first.noteLeft(left);
  demandEqual(await (await later(scene)).takeLeft?.(), left, "where the run before left the receiver");
  demandEqual(await (await later(scene)).takeLeft?.(), undefined, "the same, asked a second time");
};

const CHECKPOINT: Play = async (scene) => {
  const kept = { position: "gtid-7", index: 7 };
  const first = await later(scene);
  if (first.noteCheckpoint === undefined) return;
  first.noteCheckpoint(kept);
  demandEqual(await (await later(scene)).checkpoint?.(), kept, "the checkpoint after a restart");
  const others = (await scene.run()).pipeStoreOf("p", RECEIVER, "other rows");
  demandEqual(await others.checkpoint?.(), undefined, "the checkpoint of other rows");
  (await later(scene)).noteCheckpoint?.(undefined);
  demandEqual(await (await later(scene)).checkpoint?.(), undefined, "a checkpoint that was forgotten");
};

const COUNTS: Play = async (scene) => {
  const first = await later(scene);
  first.noteSnapshot?.(42);
  first.noteTookOver?.(true);
  const second = await later(scene);
  if (first.noteSnapshot !== undefined) demandEqual(second.lastSnapshotRows?.(), 42, "rows of the last snapshot");
  if (first.noteTookOver !== undefined) demandEqual(await second.tookOver?.(), true, "whether a take-over was done");
};

const DELETED: Play = async (scene) => {
  const first = await later(scene);
  if (first.deleted === undefined) return;
  demandEqual((await first.deleted.load())?.keys, [], "deleted keys of the first run");
  first.deleted.note(["/a", "/b"]);
  first.deleted.forget(["/a"]);
  await first.close();
  const second = await later(scene);
  demandEqual((await second.deleted?.load())?.keys, ["/b"], "deleted keys after a restart");
  second.deleted?.replace({ keys: [], directories: ["/d"], everything: false });
  await second.close();
  const third = await (await later(scene)).deleted?.load();
  demandEqual([third?.keys, third?.directories], [[], ["/d"]], "deleted keys that became directories");
};

const SOURCES: Play = async ({ run }) => {
  (await run()).sourceStoreOf("fs:/data").remember("inode 7");
  demandEqual((await run()).sourceStoreOf("fs:/data").recall(), "inode 7", "what a source remembers");
  demandEqual((await run()).sourceStoreOf("fs:/other").recall(), undefined, "what another source remembers");
  const elsewhere = (await run({ hostId: "another" })).sourceStoreOf("fs:/data").recall();
  demandEqual(elsewhere, undefined, "what a source remembers of another host");
};

const INDEX: Play = async ({ run }) => {
  const store = await run();
  const [one, other] = [await store.indexPathOf("s1"), await store.indexPathOf("s2")];
  demand(one === undefined || one !== other, "two sources have one index file");
};

const RULES: readonly (readonly [name: string, play: Play])[] = [
  ["hands a session back to a later run, for the same receiver", SESSION],
  ["hands no session back on another host", HOST],
  ["hands a session back only when the run that opened it has ended", OWNER],
  ["says once where the run before left the receiver", LEFT],
  ["keeps a checkpoint for the same rows", CHECKPOINT],
  ["keeps the size of a snapshot and whether a take-over was done", COUNTS],
  ["keeps the deleted keys", DELETED],
  ["keeps what a source remembers, on the same host", SOURCES],
  ["gives each source an index file of its own, or none", INDEX],
];

/** `open` is called once for each run of an agent; runs with the same `home` follow each other. */
export const stateStoreChecks = (open: OpenStateStore): readonly ContractCheck[] =>
  RULES.map(([name, play]) => ({
    name,
    run: async () => {
      const home = await mkdtemp(join(tmpdir(), "fustor-store-"));
      const owner = { self: "run", isGone: async () => true };
      const context: StateStoreContext = { home, hostId: "host", owner, logger: silentLogger };
      let before: StateStore | undefined;
      try {
        await play({
          run: async (changed) => {
            await before?.flush();
            before = await soon(open({ ...context, ...changed }), "opening the store");
            return before;
          },
        });
        await before?.flush();
      } finally {
        await rm(home, { recursive: true, force: true });
      }
    },
  }));
