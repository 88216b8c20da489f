import { expect, test } from "vitest";
import {
  type NativeNext,
  type NativeSweep,
  type NativeSweepReport,
  PULSE,
  type SweepTask,
} from "../../../../../src/native/sweep.ts";
import { sleep } from "../../../../../src/sources/fs/sleep.ts";
import { HANG_MS, RunningSweep, type SweepParts } from "../../../../../src/sources/fs/sweep/running-sweep.ts";
import { SweepPace } from "../../../../../src/sources/fs/sweep/sweep-pace.ts";
import type { SweepPools } from "../../../../../src/sources/fs/sweep/sweep-pools.ts";
import { SweepTally } from "../../../../../src/sources/fs/sweep/sweep-tally.ts";
import { lasting, staysTrue } from "../../../../support/wait-for.ts";

const REPORT = {
  done: true,
  rootGone: false,
  looks: 1,
  missed: 0,
  readBytes: 0,
  cpuMs: 0,
  corrupted: 0,
  corruptedPaths: [],
};

const SHARE: NativeNext = { kind: "share", share: new Uint8Array(1), device: 1, looks: 1, path: "/", missed: 0 };
const END: NativeNext = { kind: "end", missed: 0 };

/** How much faster time runs where a sweep waits for a file system: five seconds take a tenth of one. */
const FASTER = 50;

/** A sweep of these shares, each looked at by `look`. */
function sweepOf(
  shares: readonly NativeNext[],
  workers: number,
  look: (task: SweepTask) => Promise<Uint8Array>,
  faster = 1,
) {
  const left = [...shares];
  const hung: (string | undefined)[] = [];
  const tally = new SweepTally("stat", shares.length, () => performance.now());
  let prunes = 0;
  const sweep: Partial<NativeSweep> = {
    next: () => left.shift() ?? END,
    apply: () => ({ ...REPORT, verdicts: {} }) as unknown as NativeSweepReport,
    prune: () => ++prunes < 3,
  };
  const pools: Partial<SweepPools> = {
    load: async () => undefined,
    run: (_device, task) => look(task),
    giveUp: () => undefined,
  };
  const running = new RunningSweep({
    ...{ sweep: sweep as NativeSweep, pools: pools as SweepPools, workers, tally },
    pace: new SweepPace({ entriesPerSecond: 0, bytesPerSecond: 0, cpuPercent: 0 }, () => performance.now()),
    sleep: (ms, signal) => sleep(ms / faster, signal),
    isRootThere: () => true,
    noteHang: (_device, path) => void hung.push(path),
    noteCorruption: () => undefined,
  } satisfies SweepParts);
  return { running, tally, hung, prunes: () => prunes };
}

const ended = async ({ running, tally }: ReturnType<typeof sweepOf>) => tally.ended(await running.run());
const answer = new Uint8Array(1);

test("when one worker fails the others have ended before the sweep rejects, and take no further share", async () => {
  let [tasks, under] = [0, 0];
  const { running } = sweepOf(Array(40).fill(SHARE), 2, async () => {
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

test("a root that was away for a moment cuts the sweep short, although it is there again at the end", async () => {
  const sweep = sweepOf([SHARE, { kind: "unavailable", missed: 0 }, SHARE], 1, async () => answer);
  expect(await ended(sweep)).toMatchObject({ outcome: "cut short" });
});

test("what lies in directories that cannot be read is counted as not seen", async () => {
  const sweep = sweepOf(
    [
      { ...SHARE, missed: 2 },
      { ...END, missed: 3 },
    ],
    1,
    async () => answer,
  );
  expect(await ended(sweep)).toMatchObject({ outcome: "complete", skipped: 5 });
});

test("digests of files that are gone are forgotten before the first share", async () => {
  let before = 0;
  const sweep = sweepOf([SHARE], 1, async () => {
    before = sweep.prunes();
    return answer;
  });
  expect(await ended(sweep)).toMatchObject({ outcome: "complete" });
  expect(before).toBe(3);
});

test("a slow file system that goes on answering is waited for, a silent one is not", async () => {
  const slowMs = (3 * HANG_MS) / FASTER;
  const slow = sweepOf(
    [SHARE],
    1,
    async ({ pulse }) => {
      for (let i = 0; i < 10; i++) {
        await lasting(slowMs / 10, "a read");
        Atomics.add(pulse, PULSE.steps, 1);
      }
      return answer;
    },
    FASTER,
  );
  expect(await ended(slow)).toMatchObject({ skipped: 0 });
  expect(slow.hung).toEqual([]);
  const silent = sweepOf(
    [SHARE],
    1,
    async () => {
      await lasting(slowMs, "a task that hangs");
      return answer;
    },
    FASTER,
  );
  expect(await ended(silent)).toMatchObject({ skipped: 1 });
  expect(silent.hung).toEqual(["/"]);
});

test("a file that is fetched from a tape may take longer than any other", async () => {
  const sweep = sweepOf(
    [SHARE],
    1,
    async ({ pulse }) => {
      Atomics.store(pulse, PULSE.recalls, 1);
      await lasting((3 * HANG_MS) / FASTER, "a recall");
      Atomics.store(pulse, PULSE.recalls, 0);
      return answer;
    },
    FASTER,
  );
  expect(await ended(sweep)).toMatchObject({ skipped: 0 });
  expect(sweep.hung).toEqual([]);
});
