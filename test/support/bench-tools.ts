import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const TOOLS = new URL("../../bench/support/native-tools.mjs", import.meta.url).href;

/** The command line of the benchmarks. */
export const BENCH = fileURLToPath(new URL("../../bench/run.mjs", import.meta.url));

/** For beforeAll: a fresh checkout compiles the engine for the benchmarks first. */
export const BUILD_TIMEOUT_MS = 600_000;
export async function buildBenchTools(): Promise<void> {
  await promisify(execFile)(process.execPath, ["-e", `import("${TOOLS}").then((tools) => tools.nativeTool("pace"))`]);
}
