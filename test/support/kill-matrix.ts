/**
 * An agent that is killed again and again at any moment, beside a tree that never stands still: each next run has to go
 * on from what the killed one left, and the view has to become the disk.
 */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type FaultStage, withFaults } from "./fault-stage.ts";
import { startUnrest } from "./random-operations.ts";
import { seededRandom } from "./temp-tree.ts";
import { lasting, waitFor } from "./wait-for.ts";

export interface KillFigures {
  readonly kills: number;
  /** Starts for which the receiver held what the killed run had left. */
  readonly resumed: number;
  /** The most rows that a resumed start sent until the view was the disk. */
  readonly mostRows: number;
  readonly entries: number;
}

export interface KillOptions {
  readonly seed: number;
  readonly kills: number;
  /** Files that nothing touches: a start that sends them did not go on from anything. */
  readonly still: number;
}

/** For so long the tree changes while no agent runs. */
const DOWN_MS = 80;

async function whileDown(options: Parameters<typeof startUnrest>[0]): Promise<void> {
  const unrest = startUnrest(options);
  await lasting(DOWN_MS, "the time without an agent");
  await unrest.stop();
}

/** What pipes.json says of where a killed run leaves its receiver. */
const isNoted = ({ agent }: FaultStage): boolean => {
  const file = join(agent.home, "state/pipes.json");
  return existsSync(file) && readFileSync(file, "utf8").includes('"left"');
};

export async function playKills({ seed, kills, still }: KillOptions): Promise<KillFigures> {
  console.log(`seed ${seed}`);
  const random = seededRandom(seed);
  const figures = { kills: 0, resumed: 0, mostRows: 0, entries: still };
  const grow = `mkdir still; for d in $(seq ${still / 100}); do mkdir still/$d; (cd still/$d; touch $(seq 99)); done`;
  await withFaults(
    {
      startsStill: true,
      fusion: { sessionTimeoutSeconds: 10 },
      driverParams: { checkpoint_interval_sec: 0.3 },
      prepare: ({ shell }) => shell(grow),
    },
    async (stage) => {
      const { agent, receiver, root, outside, settle } = stage;
      agent.start();
      await settle(60_000);
      await waitFor(() => isNoted(stage), { timeoutMs: 60_000, what: "a checkpoint that the receiver has accepted" });
      let before = receiver.seen.length;
      while (figures.kills < kills) {
        const unrest = startUnrest({ root, outside, seed: Math.floor(random() * 1e9) });
        await lasting(random() ** 2 * 700, "the life of a run");
        await agent.kill();
        await unrest.stop();
        if (figures.kills > 0) count(stage, before, figures);
        figures.kills++;
        await whileDown({ root, outside, seed: Math.floor(random() * 1e9) });
        before = receiver.seen.length;
        agent.start();
        if (random() < 0.6) await settle(30_000);
        const created = (): boolean =>
          receiver.seen.slice(before).some(({ kind, answer }) => kind === "create" && answer !== undefined);
        if (random() < 0.8) await waitFor(created, { timeoutMs: 30_000, what: "a session of the run after the kill" });
      }
      await settle(60_000);
      count(stage, before, figures);
    },
  );
  return figures;
}

function count({ receiver }: FaultStage, before: number, figures: { resumed: number; mostRows: number }): void {
  const seen = receiver.seen.slice(before);
  const created = seen.find(({ kind, answer }) => kind === "create" && answer !== undefined);
  if ((created?.answer as { resumed?: boolean } | undefined)?.resumed !== true) return;
  figures.resumed++;
  const rows = seen.reduce((sum, request) => sum + request.rows, 0);
  figures.mostRows = Math.max(figures.mostRows, rows);
}
