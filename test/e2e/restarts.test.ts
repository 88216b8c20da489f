/** Stops and starts by real processes: only the difference goes out, and when that cannot be known, everything. */
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { type FaultStage, type FaultStageOptions, withFaults } from "../support/fault-stage.ts";
import { waitFor } from "../support/wait-for.ts";

const FILES = 400;
const grow = `for d in $(seq 20); do mkdir d$d; for f in $(seq 20); do echo $f > d$d/$f; done; done`;
/** Everything that may happen to a tree while no agent runs. */
const CHANGE = `
  echo new > d1/new; rm d2/3; rm -r d3; mkdir d20/in; mv d4 d20/in/moved
  echo longer than before > d5/5; touch -d '2001-01-01' d6/6; rm d7/7; mkdir d7/7; echo x > d7/7/below
  rm -r d8; echo file > d8; ln -s nowhere d9/link; ln d9/9 d9/hard; mv d10/10 d10/ten`;

const OPTIONS: FaultStageOptions = {
  startsStill: true,
  fusion: { sessionTimeoutSeconds: 10 },
  prepare: ({ shell }) => shell(grow),
};

const CHECKPOINTS = { checkpoint_interval_sec: 300 };

const indexOf = (home: string): string => join(home, "state/index/src-1/tree.index");

/** A run that has sent everything that its take-over asks for. */
async function firstRun({ agent, settle }: FaultStage): Promise<void> {
  agent.start();
  await settle();
  const file = join(agent.home, "state/pipes.json");
  const tookOver = (): boolean => existsSync(file) && readFileSync(file, "utf8").includes('"tookOver": true');
  await waitFor(tookOver, { timeoutMs: 40_000, what: "the audits of the take-over" });
}

/** Rows that the receiver got since so many requests. */
const rowsSince = ({ receiver }: FaultStage, before: number): number =>
  receiver.seen.slice(before).reduce((sum, { rows }) => sum + rows, 0);

const restarted = (play: (stage: FaultStage) => Promise<void>, driverParams = {}): Promise<void> =>
  withFaults({ ...OPTIONS, driverParams }, play);

test("a stop and a start send only what changed meanwhile, again and again", () =>
  restarted(async (stage) => {
    const { agent, shell, settle, receiver } = stage;
    await firstRun(stage);
    for (const script of [CHANGE, "echo again > d1/again; rm d1/2", ""]) {
      expect((await agent.terminate()).code).toBe(0);
      expect(existsSync(indexOf(agent.home))).toBe(true);
      await shell(script);
      const before = receiver.seen.length;
      agent.start();
      await settle();
      const began = receiver.seen.slice(before).find(({ kind }) => kind === "create");
      expect(began?.answer).toMatchObject({ resumed: true });
      expect(existsSync(indexOf(agent.home))).toBe(false);
      expect(rowsSince(stage, before)).toBeLessThan(script === CHANGE ? 120 : 20);
    }
    await shell("echo live > d1/live");
    await settle();
  }));

test.each<[string, (stage: FaultStage) => Promise<void> | void]>([
  ["is damaged", ({ agent }) => writeFileSync(indexOf(agent.home), readFileSync(indexOf(agent.home)).subarray(0, 900))],
  [
    "belongs to a view that is gone",
    async ({ fusion }) => {
      await fusion.kill();
      await fusion.start();
    },
  ],
])("a start whose index %s sends everything", (_, spoil) =>
  restarted(async (stage) => {
    const { agent, shell, settle, receiver } = stage;
    await firstRun(stage);
    await agent.terminate();
    await spoil(stage);
    await shell(CHANGE);
    const before = receiver.seen.length;
    agent.start();
    await settle();
    expect(rowsSince(stage, before)).toBeGreaterThan(FILES - 60);
  }),
);

test("a killed agent sends everything, also when an index of the run before had been there", () =>
  restarted(async (stage) => {
    const { agent, shell, settle, receiver } = stage;
    await firstRun(stage);
    await agent.terminate();
    agent.start();
    await settle();
    expect(readdirSync(dirname(indexOf(agent.home)))).toEqual([]);
    expect(readFileSync(join(agent.home, "state/pipes.json"), "utf8")).not.toContain('"left"');
    await agent.kill();
    await shell(CHANGE);
    const before = receiver.seen.length;
    agent.start();
    await settle();
    expect(rowsSince(stage, before)).toBeGreaterThan(FILES - 60);
  }));

test("with checkpoints a killed agent sends only what differs", () =>
  restarted(async (stage) => {
    const { agent, shell, settle, receiver } = stage;
    await firstRun(stage);
    await agent.terminate();
    agent.start();
    await settle();
    for (const script of [CHANGE, "echo again > d1/again; rm d1/2"]) {
      await agent.kill();
      await shell(script);
      const before = receiver.seen.length;
      agent.start();
      await settle();
      const began = receiver.seen.slice(before).find(({ kind }) => kind === "create");
      expect(began?.answer).toMatchObject({ resumed: true });
      expect(rowsSince(stage, before)).toBeLessThan(120);
    }
  }, CHECKPOINTS));
