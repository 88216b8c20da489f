/** What a rival needs to be there. Each function answers with the reason why it is not, or with undefined. */
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));

export const INTEROP_PYTHON = here("../../.interop/agent/bin/python");

/** A package of bench/package.json; all of them are installed with the first one that is missing. */
export function withoutPackage(name) {
  if (existsSync(here(`../node_modules/${name}`))) return undefined;
  process.stdout.write("installing the rivals' packages (npm ci in bench/, once)\n");
  try {
    execFileSync("npm", ["ci", "--no-audit", "--no-fund"], { cwd: here("../"), stdio: ["ignore", "ignore", "pipe"] });
    return undefined;
  } catch (error) {
    return `npm ci in bench/ failed: ${String(error.stderr ?? error).split("\n")[0]}`;
  }
}

/** `debianPackage` is what brings the command. */
export function withoutCommand(command, debianPackage) {
  const { error } = spawnSync(command, ["--version"], { stdio: "ignore" });
  return error === undefined ? undefined : `not installed (apt-get install ${debianPackage})`;
}

/** The environment of the Python agent, made by `npm run test:interop -- --rival`. */
export function withoutInteropModule(module) {
  if (!existsSync(INTEROP_PYTHON)) return "no .interop/agent (npm run test:interop -- --rival makes it)";
  const { status } = spawnSync(INTEROP_PYTHON, ["-c", `import ${module}`], { stdio: "ignore" });
  return status === 0 ? undefined : `.interop/agent has no ${module}`;
}
