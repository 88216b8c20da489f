import { expect, test } from "vitest";
import type { NativeSweep, NativeSweepReport, SweepTask } from "../../../../../src/native/sweep.ts";
import { sleep } from "../../../../../src/sources/fs/sleep.ts";
import { RunningSweep, type SweepParts } from "../../../../../src/sources/fs/sweep/running-sweep.ts";
import { SweepPace } from "../../../../../src/sources/fs/sweep/sweep-pace.ts";
import type { SweepPools } from "../../../../../src/sources/fs/sweep/sweep-pools.ts";
import { SweepTally } from "../../../../../src/sources/fs/sweep/sweep-tally.ts";
import { lasting, staysTrue } from "../../../../support/wait-for.ts";

const REPORT = { done: true, rootGone: false, looks: 1, readBytes: 0, corrupted: 0, corruptedPaths: [] };

/** A sweep of so many shares, each looked at by `look`. */
function sweepOf(shares: number, workers: number, look: (task: SweepTask) => Promise<Uint8Array>) {
  let left = shares;
  const hung: (string | undefined)[] = [];
  const tally = new SweepTally("stat", shares, () => performance.now());
  const sweep: Partial<NativeSweep> = {
    next: () => (left-- > 0 ? { share: new Uint8Array(1), device: 1, looks: 1, path: "/" } : null),
    apply: () => ({ ...REPORT, verdicts: {} }) as unknown as NativeSweepReport,
    complete: () => undefined,
  };
  const pools: Partial<SweepPools> = {
    load: async () => undefined,
    run: (_device, task) => look(task),
    giveUp: () => undefined,
  };
  const running = new RunningSweep({
    ...{ sweep: sweep as NativeSweep, pools: pools as SweepPools, workers, tally },
    pace: new SweepPace({ entriesPerSecond: 0, bytesPerSecond: 0 }, () => performance.now()),
    sleep,
    isRootThere: () => true,
    noteHang: (_device, path) => void hung.push(path),
    noteCorruption: () => undefined,
  } satisfies SweepParts);
  return { running, tally, hung };
}

test("when one worker fails the others have ended before the sweep rejects, and take no further share", async () => {
  let [tasks, under] = [0, 0];
  const { running } = sweepOf(40, 2, async () => {
    if (++tasks === 2) throw new Error("boom");
    under++;
    await lasting(20, "a task");
    under--;
    return new Uint8Array(1);
  });
  await expect(running.run()).rejects.toThrow("boom");
  expect({ tasks, under }).toEqual({ tasks: 2, under: 0 });
  await staysTrue(() => tasks === 2, { forMs: 100, what: "no further task begins" });
});
