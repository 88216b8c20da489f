import { strict as assert } from "node:assert";
import type { AgentProcess } from "../agent-process.ts";
import type { Scenario, Stage } from "../scenario.ts";
import { growTree } from "../temp-tree.ts";
import { lasting, waitFor } from "../wait-for.ts";

const grown: Pick<Scenario, "prepare" | "fusion" | "withinMs"> = {
  prepare: ({ root }) => {
    growTree(`${root}/grown`, { seed: 23, files: 1000 });
  },
  fusion: { sessionTimeoutSeconds: 3 },
  withinMs: 40_000,
};

const changesMeanwhile =
  "rm -rf grown/d1*; mv grown/d2 renamed; echo new > grown/new; rm -f grown/*.dat; mkdir -p fresh/a/b; touch fresh/a/b/c";

const untilRoles = ({ fusion }: Stage, wanted: readonly string[]): Promise<true> =>
  waitFor<true>(
    async () => {
      const roles = (await fusion.view.sessions()).map(({ role }) => role).sort();
      return roles.join() === wanted.join() ? true : undefined;
    },
    { timeoutMs: 30_000, what: `sessions with the roles ${wanted.join(", ")}` },
  );

async function startFollower(stage: Stage): Promise<AgentProcess> {
  const follower = stage.addAgent();
  follower.start();
  await untilRoles(stage, ["follower", "leader"]);
  await stage.settle();
  return follower;
}

/** It leads no more when it comes back; in the end it is left alone, and leads again. */
async function leaveAlone(stage: Stage, other: AgentProcess): Promise<void> {
  await untilRoles(stage, ["follower", "leader"]);
  await stage.settle();
  const { code } = await other.terminate();
  assert.equal(code, 0, "the second agent did not end cleanly");
  await untilRoles(stage, ["leader"]);
  await stage.fusion.view.waitUntilOpen(30_000);
  await stage.shell("echo end > end");
}

export const failoverScenarios: readonly Scenario[] = [
  {
    name: "of two agents the leader is killed, the other takes over, the first comes back as follower and leads again",
    ...grown,
    async act(stage) {
      const other = await startFollower(stage);
      await stage.agent.kill();
      await stage.shell(changesMeanwhile);
      await untilRoles(stage, ["leader"]);
      stage.agent.start();
      await leaveAlone(stage, other);
    },
  },
  {
    name: "of two agents the leader is stopped for longer than its session lives and goes on",
    ...grown,
    async act(stage) {
      const other = await startFollower(stage);
      stage.agent.freeze();
      await stage.shell(changesMeanwhile);
      await untilRoles(stage, ["leader"]);
      await stage.shell("mv fresh gone; rm -rf renamed");
      await lasting(500, "the first agent is still stopped while the second one leads");
      stage.agent.thaw();
      await leaveAlone(stage, other);
    },
  },
];
