/** The small native programs of the benchmarks (bench/native), built when they are first needed and after each change. */
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const FOLDER = join(ROOT, "build-bench");

function cmake(...args) {
  const { error, status, stdout, stderr } = spawnSync("cmake", args, { cwd: ROOT, encoding: "utf8" });
  if (error) throw new Error(`cmake: ${error.message} (apt-get install -y g++ cmake make)`);
  if (status !== 0) throw new Error(`the benchmarks' tools do not build:\n${stdout}${stderr}`);
}

let built = false;

/** @param {"bare_scan" | "grow" | "measure" | "pace"} name */
export function nativeTool(name) {
  if (!built) {
    const isFirst = !existsSync(join(FOLDER, name));
    if (isFirst) process.stdout.write("compiling the benchmarks' tools (once, about a minute)\n");
    cmake("-S", "native", "-B", FOLDER, "-DFUSTOR_BENCH=ON");
    cmake("--build", FOLDER, "--parallel", String(availableParallelism()));
    built = true;
  }
  return join(FOLDER, name);
}
