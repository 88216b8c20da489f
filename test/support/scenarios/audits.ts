import type { Scenario } from "../scenario.ts";
import { sayAsStranger } from "../stranger.ts";
import { growTree } from "../temp-tree.ts";

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
];
