/**
 * The scenarios with the Python agent and with ours on the real Fusion, side by side. A measurement, not a test: the exit
 * code says nothing about the result. Equal means the same names and kinds; sizes and times are only listed.
 *
 *     npm run test:interop -- --rival [words of the scenarios to play] [--only-python]
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import "../../scripts/load-ts.mjs";

const { createOurAgent } = await import("../support/agent-process.ts");
const { formatColumns, inSeconds } = await import("../support/convergence-table.ts");
const { createPythonAgent } = await import("../support/python-agent.ts");
const { createRealFusion } = await import("../support/real-fusion.ts");
const { measure } = await import("../support/scenario.ts");
const { scenarios } = await import("../support/scenarios.ts");
const { countDifferences, describeCounts } = await import("../support/tree-compare.ts");

const args = process.argv.slice(2);
const words = args.filter((arg) => !arg.startsWith("--")).map((word) => word.toLowerCase());
const casts = [["Python agent 0.8.17", { fusion: createRealFusion, agent: createPythonAgent }]];
if (!args.includes("--only-python")) casts.push(["fustor-agent", { fusion: createRealFusion, agent: createOurAgent }]);

function describe(measurement) {
  const down = measurement.outcome === "failed" || measurement.fate === "alive" ? "" : `, agent ${measurement.fate}`;
  switch (measurement.outcome) {
    case "equal":
      return `equal after ${inSeconds(measurement.tookMs)}${down}`;
    case "failed":
      return `failed: ${measurement.reason.split("\n")[0].slice(0, 90)}`;
    case "different": {
      const { last } = measurement;
      return (last.state === "different" ? describeCounts(countDifferences(last.differences)) : last.reason) + down;
    }
  }
}

const chosen = scenarios.filter(({ name }) => words.every((word) => name.toLowerCase().includes(word)));
const rows = [["scenario", ...casts.map(([name]) => name)]];
for (const scenario of chosen) {
  const row = [scenario.name];
  for (const [, cast] of casts) row.push(describe(await measure(scenario, cast)));
  rows.push(row);
  process.stdout.write(`${row.join("  |  ")}\n`);
}
process.stdout.write(`\n${formatColumns(rows)}\n`);
const results = fileURLToPath(new URL("../../bench/results/", import.meta.url));
mkdirSync(results, { recursive: true });
writeFileSync(`${results}rival.json`, `${JSON.stringify({ date: new Date().toISOString(), rows }, null, 2)}\n`);
