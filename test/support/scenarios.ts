/**
 * Every end-to-end scenario, in the order of the tables.
 *
 * What Fusion has a part in is played with the real one (test/interop), what the agent has to find out on the disk with the embedded one
 * (test/e2e/scenarios), and all of it with both by `npm run soak` (test/soak).
 */
import type { Scenario } from "./scenario.ts";
import { auditScenarios } from "./scenarios/audits.ts";
import { burstScenarios } from "./scenarios/bursts.ts";
import { churnScenarios } from "./scenarios/churn.ts";
import { entryScenarios } from "./scenarios/entries.ts";
import { failoverScenarios } from "./scenarios/failovers.ts";
import { fusionOutageScenarios } from "./scenarios/fusion-outages.ts";
import { renameScenarios } from "./scenarios/renames.ts";
import { restartScenarios } from "./scenarios/restarts.ts";

export {
  auditScenarios,
  burstScenarios,
  churnScenarios,
  entryScenarios,
  failoverScenarios,
  fusionOutageScenarios,
  renameScenarios,
  restartScenarios,
};

/** What users do to a tree. */
export const changeScenarios: readonly Scenario[] = [
  ...entryScenarios,
  ...burstScenarios,
  ...renameScenarios,
  ...churnScenarios,
];

/** What happens to agent and Fusion meanwhile; they wait more than they compute. */
export const upheavalScenarios: readonly Scenario[] = [
  ...restartScenarios,
  ...fusionOutageScenarios,
  ...failoverScenarios,
  ...auditScenarios,
];

/** Changes that the real Fusion judges as well: how its view takes renames and whatever comes at random. */
export const judgedChanges: readonly Scenario[] = changeScenarios.filter(({ name }) =>
  /^(nested renames|names that come back|everything deleted|1,500 random)/.test(name),
);

export const scenarios: readonly Scenario[] = [...changeScenarios, ...upheavalScenarios];
