/** Every end-to-end scenario, in the order of the tables. Two files play them, so that they may run side by side. */
import type { Scenario } from "./scenario.ts";
import { auditScenarios } from "./scenarios/audits.ts";
import { burstScenarios } from "./scenarios/bursts.ts";
import { churnScenarios } from "./scenarios/churn.ts";
import { entryScenarios } from "./scenarios/entries.ts";
import { failoverScenarios } from "./scenarios/failovers.ts";
import { renameScenarios } from "./scenarios/renames.ts";
import { restartScenarios } from "./scenarios/restarts.ts";

/** What users do to a tree. */
export const changeScenarios: readonly Scenario[] = [
  ...entryScenarios,
  ...burstScenarios,
  ...renameScenarios,
  ...churnScenarios,
];

/** What happens to agent and Fusion meanwhile; they wait more than they compute. */
export const upheavalScenarios: readonly Scenario[] = [...restartScenarios, ...failoverScenarios, ...auditScenarios];

export const scenarios: readonly Scenario[] = [...changeScenarios, ...upheavalScenarios];
