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

/** Of the pipe, the unit tests of a file's room; those of a file beside the rooms have its name. */
function pipeTestsOf(file) {
  const [room, name] = file.split("/").slice(2);
  return [name === undefined ? `test/unit/pipe/${room.replace(".ts", ".test.ts")}` : `test/unit/pipe/${room}/`];
}

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
