/** npm as a child process: found beside the Node that runs us, or in PATH. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";

/** The first npm that is there. */
export function findNpm(execPath: string, path: string | undefined): string | undefined {
  const folders = [dirname(execPath), ...(path ?? "").split(delimiter)].filter((folder) => folder !== "");
  return folders.map((folder) => join(folder, "npm")).find((file) => existsSync(file));
}

function npmOrCure(): string {
  const npm = findNpm(process.execPath, process.env.PATH);
  if (npm !== undefined) return npm;
  throw new Error(
    "npm is neither beside this Node nor in PATH: install npm, or unpack the package into <home>/drivers/node_modules yourself",
  );
}

/** Runs npm in a folder. Throws with the last lines that it printed when it fails. */
export async function runNpm(folder: string, args: readonly string[]): Promise<void> {
  const child = spawn(npmOrCure(), args, { cwd: folder, stdio: ["ignore", "pipe", "pipe"] });
  let printed = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => {
      printed = `${printed}${text}`.slice(-4000);
    });
  }
  const [code] = (await once(child, "close")) as [number | null];
  if (code === 0) return;
  const lines = printed.trim().split("\n").slice(-12).join("\n");
  throw new Error(`npm ${args[0]} failed:\n${lines}`);
}

/** Also when we run in a script of npm's that works globally or on workspaces. */
const HERE = ["--location=project", "--no-workspaces"];
const QUIET = ["--no-audit", "--no-fund", "--no-update-notifier", "--loglevel=error"];

/**
 * Changes what the home's drivers consist of. No package may run scripts; peers (the agent itself) are not installed; a
 * folder is copied as `npm pack` would.
 */
export const changeDrivers = (folder: string, command: "install" | "uninstall", what: string): Promise<void> => {
  const rules = ["--ignore-scripts", "--omit=dev", "--legacy-peer-deps", "--install-links", "--save"];
  return runNpm(folder, [command, `--prefix=${folder}`, ...HERE, ...rules, ...QUIET, "--", what]);
};
