// Programs that are run for their effect: quiet unless they fail.
import { spawnSync } from "node:child_process";
import { ROOT } from "./platforms.mjs";

export class PackageError extends Error {}

/** Returns stdout. */
export function mustRun(what, command, args, options = {}) {
  const result = spawnSync(command, args, { cwd: ROOT, encoding: "utf8", maxBuffer: 256 << 20, ...options });
  if (result.error) throw new PackageError(`${what}: ${command}: ${result.error.message}`);
  if (result.status === 0) return result.stdout;
  throw new PackageError(`${what} failed:\n${result.stdout ?? ""}${result.stderr ?? ""}`);
}

/** Runs the body of a script; a PackageError ends it with its message and exit code 1. */
export async function main(name, body) {
  try {
    await body();
  } catch (error) {
    if (!(error instanceof PackageError)) throw error;
    console.error(`${name}: ${error.message}`);
    process.exitCode = 1;
  }
}
