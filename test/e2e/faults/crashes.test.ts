/**
 * The crash matrix: an agent is killed at a named point while things change, starts again, and the view equals the disk.
 *
 * CI plays the points for ten seconds in each constellation. `FUSTOR_CRASH_SECONDS` lengthens that, `FUSTOR_CRASHES=500` plays that many instead, `FUSTOR_TEST_SEED` repeats a run,
 * `FUSTOR_TEST_FUSION=real` takes the real Fusion.
 */
import { randomInt } from "node:crypto";
import { expect, test } from "vitest";
import {
  AUDIT_CRASH_POINTS,
  CRASH_MOMENTS,
  CRASH_POINTS,
  type CrashPoint,
  crashRule,
} from "../../support/crash-points.ts";
import type { SeenRequest } from "../../support/fault-rules.ts";
import { type FaultStage, type Placed, withFaults } from "../../support/fault-stage.ts";
import { PATIENCE } from "../../support/patience.ts";
import { startUnrest } from "../../support/random-operations.ts";
import { keepViewAlive } from "../../support/stranger.ts";
import { growTree, seededRandom } from "../../support/temp-tree.ts";
import { waitFor } from "../../support/wait-for.ts";

const CRASHES = process.env.FUSTOR_CRASHES === undefined ? undefined : Number(process.env.FUSTOR_CRASHES);
/** Seconds for each constellation. */
const SECONDS = Number(process.env.FUSTOR_CRASH_SECONDS ?? 10);
const seed = Number(process.env.FUSTOR_TEST_SEED ?? randomInt(1 << 30));

/** Paths that go and come back with old times, which the random operations rarely hit. */
const TRASH = `mkdir -p trash; for i in 1 2 3 4; do echo $i > trash/$i; touch -d 2011-11-11 trash/$i; done
  mv trash "$OUT/kept"; sleep 0.03; mv "$OUT/kept" trash; rm -rf trash`;

type Dice = () => number;
const pick = <T>(values: readonly T[], random: Dice): T => values[Math.floor(random() * values.length)] as T;

/** The last request before the agent was started. */
const lastBefore = new WeakMap<Placed, SeenRequest | undefined>();

function start(placed: Placed): void {
  lastBefore.set(placed, placed.receiver.seen.at(-1));
  placed.agent.start();
}

/** Resolves when this run of the agent has a session, which a start after it has to delete. */
async function inSession(placed: Placed): Promise<void> {
  const { receiver } = placed;
  const last = lastBefore.get(placed);
  const requests = () => receiver.seen.slice(last === undefined ? 0 : receiver.seen.indexOf(last) + 1);
  await waitFor(() => requests().some(({ kind }) => kind === "position"), {
    timeoutMs: 30_000,
    what: () => `no session among ${requests().map(({ kind }) => kind)}`,
  });
}

/** Kills, starts again, compares. Resolves with what it did. */
async function crash(stage: FaultStage, placed: Placed, point: CrashPoint, random: Dice): Promise<string> {
  const { agent, receiver } = placed;
  const moment = pick(CRASH_MOMENTS, random);
  const nth = Math.floor(random() * point.among);
  const what = `killed ${point.name} (number ${nth + 1}), ${moment}`;
  const unrest = startUnrest({ ...stage, seed: Math.floor(random() * 1e9) });
  if (point.during === "start") {
    await inSession(placed);
    await agent.kill();
  }
  receiver.rule(crashRule(point, moment, nth, () => agent.kill()));
  if (point.during === "start") start(placed);
  const deadline = performance.now() + 30_000 * PATIENCE;
  while (agent.alive() && performance.now() < deadline) await stage.shell(TRASH);
  receiver.calm();
  expect(agent.exit(), `${what}: the moment never came`).toEqual({ code: null, signal: "SIGKILL" });
  if (random() < 0.5) await unrest.stop();
  start(placed);
  if (random() < 0.5) await stage.fusion.view.waitUntilOpen(20_000);
  await unrest.stop();
  await stage.settle(30_000).catch((error: Error) => {
    throw new Error(`${what}: ${error.message}`);
  });
  return what;
}

interface Matrix {
  readonly points: readonly CrashPoint[];
  /** One is killed, the others are in its way. */
  readonly agents: number;
  readonly auditSeconds: number;
  /** Fusion empties its view when its last session goes, unless there is another one. */
  readonly keepsView?: true;
  /** How long Fusion remembers a delete. Until then no audit removes what lies below that path in the view. */
  readonly tombstoneSeconds?: number;
}

function play({ points, agents, auditSeconds, keepsView, tombstoneSeconds }: Matrix): Promise<void> {
  const random = seededRandom(seed);
  const options = {
    prepare: ({ root }: { readonly root: string }) => growTree(`${root}/grown`, { seed, files: 300 }),
    sender: { batch_size: 8, event_rows: 10, timeout_sec: 1 },
    fusion: {
      sessionTimeoutSeconds: 2,
      auditIntervalSeconds: auditSeconds,
      ...(tombstoneSeconds === undefined ? {} : { tombstoneSeconds }),
    },
  };
  return withFaults(options, async (stage) => {
    if (keepsView) await keepViewAlive(stage.fusion.receiver);
    const placed: Placed[] = [stage];
    while (placed.length < agents) {
      const next = await stage.place();
      start(next);
      placed.push(next);
    }
    const end = performance.now() + SECONDS * 1000;
    const done: string[] = [];
    const isOver = (): boolean => (CRASHES === undefined ? performance.now() > end : done.length >= CRASHES);
    for (let left: CrashPoint[] = []; !isOver(); ) {
      if (left.length === 0) left = [...points];
      const [point] = left.splice(Math.floor(random() * left.length), 1);
      if (point !== undefined) done.push(await crash(stage, pick(placed, random), point, random));
    }
    process.stdout.write(`${done.length} crashes with ${agents} agent(s), seed ${seed}\n`);
    expect(done.length).toBeGreaterThan(0);
  });
}

const timeout = PATIENCE * (CRASHES === undefined ? 180_000 + SECONDS * 1000 : 60_000 + CRASHES * 60_000);

test(
  `an agent killed at any point and started again leaves the view equal to the disk (FUSTOR_TEST_SEED=${seed})`,
  {
    timeout,
  },
  () => play({ points: CRASH_POINTS, agents: 1, auditSeconds: 0 }),
);

test(
  `an agent killed in an audit and started again leaves the view equal to the disk (FUSTOR_TEST_SEED=${seed})`,
  {
    timeout,
  },
  () => play({ points: AUDIT_CRASH_POINTS, agents: 1, auditSeconds: 1 }),
);

test(
  `an agent killed at any point leaves the view equal although Fusion keeps it (FUSTOR_TEST_SEED=${seed})`,
  {
    timeout,
  },
  () => play({ points: CRASH_POINTS, agents: 1, auditSeconds: 0, keepsView: true }),
);

test(
  `either of two agents, killed at any point and started again, leaves the view equal (FUSTOR_TEST_SEED=${seed})`,
  {
    timeout,
  },
  () =>
    play({
      points: CRASH_POINTS.filter(({ name }) => !name.includes("snapshot")),
      agents: 2,
      auditSeconds: 2,
      // One agent's row from before the other's delete comes after it, and the agent dies: a ghost for as long as Fusion remembers.
      tombstoneSeconds: 6,
    }),
);
