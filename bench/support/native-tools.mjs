/** The small native programs of the benchmarks (bench/native), built when they are first needed and after each change. */
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
/** Where the addon is built: its engine is compiled already, and the tools measure with the very same. */
const TREE = join(ROOT, "build", "cmake");
const TOOLS = ["bare_scan", "grow", "measure", "pace"];

function mustRun(command, ...args) {
  const { error, status, stdout, stderr } = spawnSync(command, args, { cwd: ROOT, encoding: "utf8" });
  if (error) throw new Error(`${command}: ${error.message} (apt-get install -y g++ cmake make util-linux)`);
  if (status !== 0) throw new Error(`the benchmarks' tools do not build:\n${stdout}${stderr}`);
}

let built = false;

/** One at a time: benchmarks that begin together would build in the same tree. */
function build() {
  if (!existsSync(join(TREE, "CMakeCache.txt"))) mustRun(process.execPath, "scripts/build.mjs", "native");
  const make = ["cmake", "--build", TREE, "--parallel", String(availableParallelism()), "--target", ...TOOLS];
  mustRun("flock", join(ROOT, "build", "bench-tools.lock"), ...make);
}

/** @param {"bare_scan" | "grow" | "measure" | "pace"} name */
export function nativeTool(name) {
  if (!built) build();
  built = true;
  return join(TREE, "bench", name);
}
