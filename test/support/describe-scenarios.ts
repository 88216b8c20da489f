import { afterAll, describe, test } from "vitest";
import { createOurAgent } from "./agent-process.ts";
import { createConvergenceTable } from "./convergence-table.ts";
import { embeddedFusionCommand } from "./embedded-fusion.ts";
import { createFusionProcess, type FusionOptions } from "./fusion-process.ts";
import { realFusionCommand } from "./real-fusion.ts";
import { judge, type Scenario } from "./scenario.ts";
import { createSharedFusion } from "./shared-fusion.ts";

/** One test per scenario: our agent against the given Fusion, view equal to disk in time. */
export function describeScenarios(fusion: "embedded" | "real", part: string, scenarios: readonly Scenario[]): void {
  const table = createConvergenceTable(fusion, part);
  const command = fusion === "real" ? realFusionCommand() : embeddedFusionCommand();
  const sharing = scenarios.filter(({ ownFusion }) => ownFusion === undefined);
  const shared = createSharedFusion(
    command,
    sharing.map((scenario) => scenario.fusion),
  );
  afterAll(async () => {
    await shared.end();
    table.finish();
  });
  describe(`view equals disk (${fusion} Fusion)`, () => {
    for (const scenario of scenarios) {
      const ofItsOwn = (options?: FusionOptions) => createFusionProcess(command, options);
      const cast = { fusion: scenario.ownFusion ? ofItsOwn : shared.seat, agent: createOurAgent };
      test(scenario.name, async () => {
        table.note(scenario.name, "failed");
        table.note(scenario.name, await judge(scenario, cast));
      });
    }
  });
}
