/** Which files are changed, and which tests have to notice. */
import { readdirSync } from "node:fs";
import { join, resolve } from "node:path";

const ROOT = resolve(import.meta.dirname, "../..");

const FUSION = [
  ...["arbitration", "arbitration-rules", "tree", "logical-clock", "election", "session-registry"].map(
    (name) => `test/unit/fusion/${name}.test.ts`,
  ),
  "test/integration/fusion/scenarios.test.ts",
];
const BUS = ["test/unit/bus/"];
const PIPE = ["test/unit/pipe/", "test/integration/pipe/"];

/** Of the pipe, what the unit tests of its room alone have to notice: the rest needs a whole pipe. */
const PURE = [
  ...["audit-plan", "bulk-reader", "open-audit", "passes", "runner", "snapshot-meter", "superseded"].map(
    (name) => `bulk/${name}`,
  ),
  ...["batch-limits", "bulk-gate", "bulk-pace"].map((name) => `send/${name}`),
  ...["completeness", "takeover", "tombstones"].map((name) => `receiver/${name}`),
  ...["earlier-run", "freshness", "heartbeat", "predecessors", "session-state"].map((name) => `session/${name}`),
];
const pipeTestsOf = (file) =>
  PURE.some((name) => file === `src/pipe/${name}.ts`) ? [`test/unit/pipe/${file.split("/")[2]}/`] : PIPE;

const filesOf = (folder) =>
  readdirSync(join(ROOT, folder), { recursive: true })
    .filter((name) => name.endsWith(".ts"))
    .map((name) => `${folder}/${name}`)
    .sort();

export const TARGETS = [
  ...["arbitration", "audit", "suspects", "election", "logical-clock"].map((name) => ({
    file: `src/fusion/${name}.ts`,
    tests: FUSION,
  })),
  ...filesOf("src/bus").map((file) => ({ file, tests: BUS })),
  ...filesOf("src/pipe").map((file) => ({ file, tests: pipeTestsOf(file) })),
];
