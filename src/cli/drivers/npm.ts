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

const FOLDERS_OF_TRUE = ["/bin", "/usr/bin"];

/**
 * Keeps npm and every npm that it starts itself from running scripts of packages. `ignore-scripts` alone does not: npm 10
 * runs `prepare` of folders and git packages all the same. Their scripts are handed to a shell that does nothing.
 */
export function withoutScripts(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const folders = [...FOLDERS_OF_TRUE, ...(env.PATH ?? "").split(delimiter)].filter((folder) => folder !== "");
  const shell = folders.map((folder) => join(folder, "true")).find((file) => existsSync(file));
  return { ...env, npm_config_ignore_scripts: "true", ...(shell && { npm_config_script_shell: shell }) };
}

/** Runs npm in a folder. Throws with the last lines that it printed when it fails. */
async function runNpm(folder: string, args: readonly string[]): Promise<void> {
  const env = withoutScripts(process.env);
  const child = spawn(npmOrCure(), args, { cwd: folder, env, stdio: ["ignore", "pipe", "pipe"] });
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

/** Changes what the home's drivers consist of. Peers (the agent itself) are not installed. */
export const changeDrivers = (folder: string, command: "install" | "uninstall", what: string): Promise<void> => {
  const rules = ["--ignore-scripts", "--omit=dev", "--legacy-peer-deps", "--install-links", "--save"];
  return runNpm(folder, [command, `--prefix=${folder}`, ...HERE, ...rules, ...QUIET, "--", what]);
};

/** Makes a tarball of a package's folder as it would be published, in a folder that is empty before. */
export const packFolder = (folder: string, into: string): Promise<void> =>
  runNpm(into, ["pack", ...HERE, "--ignore-scripts", `--pack-destination=${into}`, ...QUIET, "--", folder]);
