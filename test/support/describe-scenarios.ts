import { afterAll, describe, test } from "vitest";
import type { OurAgentProcess } from "./agent-process.ts";
import { createConvergenceTable } from "./convergence-table.ts";
import { type Cast, judge, type Scenario } from "./scenario.ts";

/** One test per scenario: our agent against the given Fusion, view equal to disk in time. */
export function describeScenarios(
  fusion: "embedded" | "real",
  part: string,
  scenarios: readonly Scenario[],
  cast: Cast<OurAgentProcess>,
): void {
  const table = createConvergenceTable(fusion, part);
  afterAll(() => table.finish());
  describe(`view equals disk (${fusion} Fusion)`, () => {
    for (const scenario of scenarios) {
      test(scenario.name, async () => {
        table.note(scenario.name, "failed");
        table.note(scenario.name, await judge(scenario, cast));
      });
    }
  });
}
