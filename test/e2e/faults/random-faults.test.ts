/**
 * Random operations with random faults between agent and Fusion, in rounds: trouble, calm, comparison.
 *
 * CI plays it for ten seconds. `FUSTOR_TEST_SECONDS` lengthens it, `FUSTOR_TEST_SEED` repeats a run.
 */
import { randomInt } from "node:crypto";
import { test } from "vitest";
import type { Fault, FaultRule } from "../../support/fault-rules.ts";
import { type FaultStage, withFaults } from "../../support/fault-stage.ts";
import { PATIENCE } from "../../support/patience.ts";
import { startUnrest } from "../../support/random-operations.ts";
import { growTree, seededRandom } from "../../support/temp-tree.ts";
import { lasting } from "../../support/wait-for.ts";

const seconds = Number(process.env.FUSTOR_TEST_SECONDS ?? 10);
const seed = Number(process.env.FUSTOR_TEST_SEED ?? randomInt(1 << 30));

type Dice = () => number;
const pick = <T>(values: readonly T[], random: Dice): T => values[Math.floor(random() * values.length)] as T;

const FAULTS: readonly Fault[] = [
  { kind: "delay", ms: 150 },
  { kind: "slow_answer", ms: 150 },
  { kind: "answer", status: 500 },
  { kind: "answer", status: 503, headers: { "retry-after": "1" } },
  { kind: "answer", status: 413 },
  { kind: "answer", status: 401 },
  { kind: "answer", status: 200, body: "<html>a login page</html>" },
  { kind: "reset", when: "in_request" },
  { kind: "reset", when: "after_request" },
  { kind: "reset", when: "in_answer" },
  { kind: "lost_answer" },
  { kind: "silence", reachesFusion: true },
  { kind: "silence", reachesFusion: false },
  { kind: "session_lost", status: 404 },
  { kind: "session_lost", status: 419 },
  { kind: "edit", edit: (answer) => ({ ...answer, ...("role" in answer ? { role: "follower" } : {}) }) },
];

const KINDS: readonly FaultRule["on"][] = [
  "ingest",
  "ingest",
  "live",
  "snapshot",
  "snapshot_end",
  "heartbeat",
  "create",
  "delete",
  "any",
];

/** Something else than a fault of a single request. */
const UPHEAVALS: readonly ((stage: FaultStage, random: Dice) => Promise<void>)[] = [
  async ({ agent }) => {
    await agent.kill();
    agent.start();
  },
  async ({ agent }, random) => {
    agent.freeze();
    await lasting(random() * 3000, "the upheaval");
    agent.thaw();
  },
  async ({ fusion }, random) => {
    await fusion.kill();
    await lasting(random() * 2500, "Fusion is away");
    await fusion.start();
  },
  async ({ receiver }, random) => {
    await receiver.line(random() < 0.5 ? "refusing" : "half_open");
    await lasting(random() * 3000, "the upheaval");
    await receiver.line("open");
  },
];

async function round(stage: FaultStage, random: Dice): Promise<string[]> {
  const story: string[] = [];
  const { root, outside, receiver } = stage;
  const unrest = startUnrest({ root, outside, seed: Math.floor(random() * 1e9) });
  for (let i = 0; i < 6; i++) {
    const rule = { on: pick(KINDS, random), skip: Math.floor(random() * 6), times: 1 + Math.floor(random() * 3) };
    const fault = pick(FAULTS, random);
    receiver.rule({ ...rule, fault });
    story.push(JSON.stringify({ ...rule, fault }));
    await lasting(random() * 300, "until the next fault");
  }
  if (random() < 0.6) {
    const upheaval = Math.floor(random() * UPHEAVALS.length);
    story.push(`upheaval ${upheaval}`);
    await UPHEAVALS[upheaval]?.(stage, random);
  }
  await unrest.stop();
  receiver.calm();
  return story;
}

test(`random operations with random faults leave the view equal to the disk (FUSTOR_TEST_SEED=${seed})`, {
  timeout: seconds * 1000 + 120_000 * PATIENCE,
}, () => {
  const random = seededRandom(seed);
  const prepare = ({ root }: { readonly root: string }) => growTree(`${root}/grown`, { seed, files: 300 });
  const sender = { batch_size: 8, event_rows: 10, timeout_sec: 1 };
  return withFaults({ prepare, sender }, async (stage) => {
    const end = performance.now() + seconds * 1000;
    let rounds = 0;
    while (performance.now() < end) {
      const story = await round(stage, random);
      rounds++;
      await stage.settle(30_000).catch((error: Error) => {
        throw new Error(`round ${rounds}, ${story.join("; ")}: ${error.message}`);
      });
    }
    process.stdout.write(`${rounds} rounds of random faults, seed ${seed}\n`);
  });
});
