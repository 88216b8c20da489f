/**
 * `npm run test:interop [-- vitest arguments]`: the end-to-end scenarios against a real Fusion 0.8.17.
 * `npm run test:interop -- --prepare`: only what that needs below .interop/, and the S3 server for the tests of drivers.
 * `npm run test:interop -- --rival [scenario words]`: the same with the Python agent beside ours, as a table.
 */
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { EnvironmentMissing, ensureEnvironments } from "./interop-environments.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));

function run(args) {
  const ended = spawnSync(process.execPath, args, { cwd: root, stdio: "inherit" });
  if (ended.error) throw ended.error;
  return ended.status ?? 1;
}

function main(args) {
  const rival = args.includes("--rival");
  const prepare = args.includes("--prepare");
  if (!prepare && !existsSync(`${root}dist/cli/main.js`)) {
    process.stderr.write("test:interop: dist/cli/main.js is missing, run `npm run build` first.\n");
    return 1;
  }
  try {
    ensureEnvironments(["fusion", "agent", ...(prepare ? ["s3"] : [])]);
  } catch (error) {
    if (!(error instanceof EnvironmentMissing)) throw error;
    process.stderr.write(`${error.message}\n`);
    return 1;
  }
  if (prepare) return 0;
  if (rival) return run(["test/interop/rival.mjs", ...args.filter((arg) => arg !== "--rival")]);
  return run(["node_modules/vitest/vitest.mjs", "run", "--project", "interop", ...args]);
}

process.exitCode = main(process.argv.slice(2));
