import type { Scenario } from "../scenario.ts";
import { keepViewAlive, sayAsStranger } from "../stranger.ts";
import { growTree } from "../temp-tree.ts";
import { waitFor } from "../wait-for.ts";

const grown: Pick<Scenario, "prepare" | "fusion" | "withinMs"> = {
  prepare: ({ root }) => {
    growTree(`${root}/grown`, { seed: 29, files: 1000 });
  },
  fusion: { sessionTimeoutSeconds: 3, auditIntervalSeconds: 3 },
  withinMs: 30_000,
};

export const auditScenarios: readonly Scenario[] = [
  {
    name: "what somebody else put into the view is gone after an audit, and nothing else",
    ...grown,
    act: ({ fusion }) =>
      sayAsStranger(fusion.receiver, {
        files: ["/ghost", "/grown/ghost", "/grown/d1/ghost", "/ghosts/in/a/directory"],
      }),
  },
  {
    name: "the agent is killed, things go and come, and it starts again while Fusion keeps its view",
    ...grown,
    async act({ fusion, agent, shell }) {
      const known = new Set((await fusion.view.sessions()).map(({ id }) => id));
      const endStranger = await keepViewAlive(fusion.receiver);
      await shell("mkdir old; for i in 1 2 3; do echo $i > old/$i; touch -d 2012-12-12 old/$i; done; cp -a old older");
      await shell('rm -rf grown/d2*; mv old "$OUT/"');
      await agent.kill();
      await shell(`mv "$OUT/old" .; rm -rf older grown/d3*; mv grown/d1 grown/new; echo more >> old/1; touch -d 2001-01-01 old/2
        chmod 700 grown; echo 1 > fresh`);
      agent.start();
      const leadsAnew = async (): Promise<boolean> =>
        (await fusion.view.sessions()).some(({ id, role }) => role === "leader" && !known.has(id));
      await waitFor(leadsAnew, { timeoutMs: 20_000, what: "the agent's new session" });
      await endStranger();
    },
  },
];
