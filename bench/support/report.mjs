/** Numbers with their circumstances: medians, the machine, the commit, and the file they are kept in. */
import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { availableParallelism, cpus, loadavg, release, totalmem } from "node:os";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../../", import.meta.url));

export function median(numbers) {
  const sorted = [...numbers].sort((one, other) => one - other);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

function git(...args) {
  try {
    return execFileSync("git", args, { cwd: root, encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).trim();
  } catch {
    return undefined;
  }
}

export function circumstances() {
  return {
    date: new Date().toISOString(),
    commit: git("rev-parse", "HEAD") ?? "unknown",
    /** Another build than that of this checkout was measured. */
    program: process.env.FUSTOR_TEST_CLI ?? "dist/cli/main.js",
    /** Files differ from that commit. */
    modified: git("status", "--porcelain", "--untracked-files=no") !== "",
    machine: {
      cpu: cpus()[0]?.model ?? "unknown",
      cores: availableParallelism(),
      memoryBytes: totalmem(),
      kernel: release(),
      node: process.version,
      loadBefore: loadavg()[0],
    },
  };
}

/** The circumstances in a line. */
export function whereOf({ date, commit, modified, machine }) {
  const { cpu, cores, kernel, node, loadBefore } = machine;
  const build = `commit ${commit.slice(0, 12)}${modified ? " with changes" : ""}`;
  return `${date.slice(0, 10)}, ${cpu}, ${cores} cores, Linux ${kernel}, Node ${node}, ${build}, load before ${loadBefore.toFixed(2)}`;
}

/** Returns the path of the file. */
export function writeResult(suite, result) {
  const folder = `${root}bench/results/`;
  mkdirSync(folder, { recursive: true });
  const path = `${folder}${suite}-${result.date.replaceAll(/[:.]/g, "-")}.json`;
  writeFileSync(path, `${JSON.stringify(result, null, 2)}\n`);
  return path;
}
