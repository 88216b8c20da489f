/**
 * `npm run soak [-- minutes]`: everything that depends on dice or luck, for so many minutes (default 60): random operations in the
 * engine and through the whole agent, random faults, crashes, and every scenario with both Fusions. A round gives each of them its
 * share; rounds follow each other until the time is over, or one fails. Each test prints the seed that repeats it.
 */
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { resolve } from "node:path";

const ROOT = resolve(import.meta.dirname, "..");
const [asked = "60"] = process.argv.slice(2);
const minutes = Number(asked);
if (!(minutes > 0)) {
  console.error(`soak: "${asked}" is no number of minutes`);
  process.exit(64);
}

/** Seconds that each random test has in one round. */
const SHARE = Math.max(10, Math.min(600, minutes * 2));
const environment = {
  ...process.env,
  FUSTOR_RANDOM_SECONDS: String(SHARE),
  FUSTOR_TEST_SECONDS: String(SHARE),
  FUSTOR_CRASH_SECONDS: String(SHARE),
  FUSTOR_GRPC_SCENARIOS: "all",
  FUSTOR_FUSION_KILLS: String(Math.ceil(SHARE / 10)),
};
const VITEST = ["node_modules/vitest/vitest.mjs", "run"];
const hasRealFusion = existsSync(resolve(ROOT, ".interop/fusion/bin/fustor-fusion"));
const PARTS = [
  ["random operations on the engine", ["scripts/test-native.mjs", "random"]],
  ["random operations on source and pipe", [...VITEST, "--project", "integration", "fs-source", "random-tree"]],
  ["random faults and crashes", [...VITEST, "--project", "e2e-pairs", "random-faults", "crashes"]],
  ["what the embedded Fusion keeps", [...VITEST, "--project", "unit", "unit/fusion/state"]],
  ["kills of the embedded Fusion", [...VITEST, "--project", "e2e", "e2e/fusion-state"]],
  ["every scenario with the embedded Fusion", [...VITEST, "--project", "soak", "soak/embedded"]],
  ["every scenario over gRPC", [...VITEST, "--project", "drivers", "sender-grpc/test/agent"]],
  ...(hasRealFusion ? [["every scenario with the real Fusion", [...VITEST, "--project", "soak", "soak/real"]]] : []),
];
if (!hasRealFusion) console.log("soak: without the real Fusion, `npm run test:interop -- --prepare` installs it");

const begun = performance.now();
const passed = () => (performance.now() - begun) / 60_000;
let played = 0;
for (let round = 1; round === 1 || passed() < minutes; round++) {
  for (const [name, args] of PARTS) {
    if (played > 0 && passed() >= minutes) break;
    console.log(`\n== soak, round ${round}, after ${passed().toFixed(1)} of ${minutes} min: ${name}`);
    const { status } = spawnSync(process.execPath, args, { cwd: ROOT, stdio: "inherit", env: environment });
    if (status !== 0) {
      console.error(`soak: ${name} failed in round ${round}; its output names the seed`);
      process.exit(1);
    }
    played++;
  }
}
console.log(`\nsoak: ${played} runs in ${passed().toFixed(1)} min, none failed`);
