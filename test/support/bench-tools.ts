/** Benchmarks in the smallest form: that they measure at all, not how fast anything is. */
import { execFile } from "node:child_process";
import { readdirSync, readFileSync, rmSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect } from "vitest";
import { createTempFolder } from "./temp-tree.ts";

const execute = promisify(execFile);

const TOOLS = new URL("../../bench/support/native-tools.mjs", import.meta.url).href;

/** The command line of the benchmarks. */
const BENCH = fileURLToPath(new URL("../../bench/run.mjs", import.meta.url));

/** For beforeAll: a fresh checkout compiles the benchmarks' tools first. */
export const BUILD_TIMEOUT_MS = 600_000;
export async function buildBenchTools(): Promise<void> {
  await execute(process.execPath, ["-e", `import("${TOOLS}").then((tools) => tools.nativeTool("pace"))`]);
}

export interface BenchResult {
  readonly commit: string;
  readonly machine: { readonly cores: number };
  readonly summary: Record<string, unknown>;
  readonly samples: readonly unknown[];
}

/** Runs a suite in a folder of its own, sees to it that nothing is left there, and reads what it wrote. */
export async function bench(suite: string, ...options: string[]): Promise<BenchResult> {
  const folder = createTempFolder("bench-smoke");
  const { stdout } = await execute(process.execPath, [BENCH, suite, "--dir", folder, ...options]);
  expect(readdirSync(folder)).toEqual([]);
  const path = /^(\/.*\.json)$/m.exec(stdout)?.[1];
  if (path === undefined) throw new Error(`no result file is named:\n${stdout}`);
  try {
    return JSON.parse(readFileSync(path, "utf8")) as BenchResult;
  } finally {
    rmSync(path);
    rmSync(path.replace(/json$/, "html"), { force: true });
  }
}
