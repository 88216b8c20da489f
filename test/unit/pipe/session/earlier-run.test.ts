import { expect, test } from "vitest";
import { Tombstones } from "../../../../src/pipe/receiver/tombstones.ts";
import { EarlierRun } from "../../../../src/pipe/session/earlier-run.ts";
import { silentLogger } from "../../../../src/sdk/index.ts";
import { FakeStore } from "../../../support/fake-store.ts";

interface Left {
  readonly session?: string;
  readonly knowsDeletes?: boolean;
  readonly tookOver?: boolean;
}

async function recalled({ session, knowsDeletes = true, tookOver = false }: Left) {
  const store = new FakeStore();
  store.aliveAt = 7;
  store.session = session;
  store.hasTakenOver = tookOver;
  if (!knowsDeletes) store.keys = undefined;
  const warnings: string[] = [];
  const run = new EarlierRun();
  const logger = { ...silentLogger, warn: (_: object, text: string) => void warnings.push(text) };
  await run.recall(store, new Tombstones(9, store.deleted), logger);
  return { run, warnings };
}

test("a run that stopped in order left nothing to put right, and counts as our own when it had taken over", async () => {
  for (const tookOver of [false, true]) {
    const { run, warnings } = await recalled({ tookOver });
    expect(run.before(0)).toEqual({
      earlierRunAliveAt: undefined,
      stoppedRunAliveAt: tookOver ? 7 : undefined,
      mayFollowOthers: false,
    });
    expect(warnings).toEqual([]);
  }
});

test("one that crashed, or whose deleted paths are not known, may have left something wrong until that is put right", async () => {
  for (const left of [{ session: "s" }, { knowsDeletes: false }]) {
    const { run, warnings } = await recalled({ ...left, tookOver: true });
    expect(run.before(0)).toEqual({ earlierRunAliveAt: 7, stoppedRunAliveAt: undefined, mayFollowOthers: false });
    expect(warnings).toHaveLength("session" in left ? 0 : 1);
    run.settle();
    expect(run.before(0).earlierRunAliveAt).toBeUndefined();
  }
});

test("others may have led as soon as this run had a session before", async () => {
  const { run } = await recalled({});
  expect([run.before(0).mayFollowOthers, run.before(1).mayFollowOthers]).toEqual([false, true]);
});

test("a run is not our own when the store does not know whether it had taken over, or cannot say", async () => {
  for (const tookOver of [undefined, () => Promise.reject(new Error("gone"))]) {
    const store = Object.assign(new FakeStore(), { aliveAt: 7, tookOver });
    const run = new EarlierRun();
    await run.recall(store, new Tombstones(9, store.deleted), silentLogger);
    expect(run.before(0).stoppedRunAliveAt).toBeUndefined();
  }
});
