import { strict as assert } from "node:assert";
import { mkdirSync, rmdirSync } from "node:fs";
import { startChild } from "../child-process.ts";
import type { Scenario } from "../scenario.ts";
import { growTree } from "../temp-tree.ts";
import { lasting, waitFor } from "../wait-for.ts";
import { whileWriting } from "./writer.ts";

const growing = (files: number): Pick<Scenario, "prepare"> => ({
  prepare: ({ root }) => {
    growTree(`${root}/grown`, { seed: 21, files });
  },
});

const grown = growing(3000);

/** Renames each grown directory away and back, again and again. */
const unrest = `while true; do for d in grown/d*; do mv $d grown/away; echo x > grown/away/new; mv grown/away $d; done; done`;

function whenFusion(what: string, probe: () => Promise<boolean>): Promise<true> {
  const look = async (): Promise<boolean> => probe().catch(() => false);
  return waitFor<true>(async () => ((await look()) ? true : undefined), { timeoutMs: 30_000, intervalMs: 5, what });
}

const changesMeanwhile =
  "rm -rf grown/d1*; mv grown/d2 renamed; echo new > grown/new; rm -f grown/*.dat; mkdir -p fresh/a/b; touch fresh/a/b/c";

export const restartScenarios: readonly Scenario[] = [
  {
    name: "the agent is killed under load and started again",
    ...grown,
    act: (stage) =>
      whileWriting(stage, async () => {
        await stage.agent.kill();
        await stage.shell(changesMeanwhile);
        stage.agent.start();
      }),
  },
  {
    name: "the agent is killed in the middle of its first snapshot and started again",
    ...growing(20_000),
    ownFusion: true,
    startsWithoutView: true,
    async act({ agent, fusion, shell }) {
      await whenFusion("a session", async () => (await fusion.view.sessions()).length > 0);
      // A frozen Fusion holds the snapshot where it is, and finds what the dead agent still sent when it goes on.
      fusion.freeze();
      await lasting(250, "what the agent sends while nobody reads it");
      await agent.kill();
      fusion.thaw();
      assert.equal((await fusion.view.readTree()).state, "opening", "the snapshot was over before Fusion was frozen");
      await shell(changesMeanwhile);
      agent.start();
    },
  },
  {
    name: "the agent is killed the moment its session exists and started again",
    ...grown,
    // Nobody but the dead process may know this session: the new one has to outwait it.
    fusion: { sessionTimeoutSeconds: 3 },
    ownFusion: true,
    startsWithoutView: true,
    async act({ agent, fusion }) {
      await whenFusion("a session", async () => (await fusion.view.sessions()).length > 0);
      await agent.kill();
      agent.start();
    },
  },
  {
    name: "directories move while the first snapshot runs",
    ...growing(8_000),
    startsWithoutView: true,
    // It keeps Fusion busy for a while after its end.
    ownFusion: true,
    // A move tells of every path below twice: Fusion has to digest hundreds of thousands of rows that it took into its queue.
    withinMs: 60_000,
    async act({ root, fusion }) {
      const mover = startChild({ command: "bash", args: ["-c", unrest], cwd: root });
      await fusion.view.waitUntilOpen(60_000);
      await mover.end();
    },
  },
  {
    name: "the agent ends by SIGTERM, things change, it starts again",
    ...grown,
    async act({ agent, fusion, shell }) {
      await shell("rm -rf grown/d3*");
      await agent.terminate();
      assert.deepEqual(await fusion.view.sessions(), [], "SIGTERM left a session behind");
      await shell(changesMeanwhile);
      agent.start();
    },
  },
  {
    name: "the kernel's queue overflows while the agent is stopped",
    ...grown,
    withinMs: 30_000,
    async act({ agent, shell }) {
      agent.freeze();
      await shell(`mkdir flood; for i in $(seq 7000); do echo $i > flood/$i; done; ${changesMeanwhile}; rm flood/*5`);
      agent.thaw();
    },
  },
  {
    name: "constant writes for ten session timeouts keep one session",
    fusion: { sessionTimeoutSeconds: 2 },
    async act(stage) {
      const before = await stage.fusion.view.sessions();
      await whileWriting(stage, () => lasting(20_000, "ten session timeouts"));
      const after = await stage.fusion.view.sessions();
      assert.deepEqual(
        after.map(({ id }) => id),
        before.map(({ id }) => id),
        "the session changed",
      );
    },
  },
  {
    name: "a root that is missing at the start is taken up when it appears",
    startsWithoutView: true,
    prepare: ({ root }) => rmdirSync(root),
    async act({ agent, fusion, root, shell }) {
      await whenFusion("a session", async () => (await fusion.view.sessions()).length > 0);
      assert(agent.alive(), "the agent ended because its root is missing");
      mkdirSync(root);
      await shell("mkdir -p a/b; echo 1 > a/b/c");
    },
  },
];
