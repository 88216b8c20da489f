/** Every end-to-end scenario, in the order of the table. */
import type { Scenario } from "./scenario.ts";
import { burstScenarios } from "./scenarios/bursts.ts";
import { churnScenarios } from "./scenarios/churn.ts";
import { entryScenarios } from "./scenarios/entries.ts";
import { renameScenarios } from "./scenarios/renames.ts";
import { restartScenarios } from "./scenarios/restarts.ts";

export const scenarios: readonly Scenario[] = [
  ...entryScenarios,
  ...burstScenarios,
  ...renameScenarios,
  ...churnScenarios,
  ...restartScenarios,
];
