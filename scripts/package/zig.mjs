// The compiler of the addons that are packed: zig, which brings C and C++ libraries for every platform along. From FUSTOR_ZIG, else from the
// Python package `ziglang`, which is put below build/zig/.
import { chmodSync, existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "./platforms.mjs";
import { mustRun } from "./run.mjs";

const ZIG_VERSION = "0.17.1";
const FOLDER = join(ROOT, "build", "zig");

function installZig() {
  const environment = join(FOLDER, ZIG_VERSION);
  const python = join(environment, "bin", "python");
  const find = ["-c", "import os, ziglang; print(os.path.join(os.path.dirname(ziglang.__file__), 'zig'))"];
  if (!existsSync(join(environment, "complete"))) {
    console.log(`installing zig ${ZIG_VERSION} into build/zig (100 MB)`);
    mustRun("making a Python environment (apt-get install -y python3-venv)", "python3", ["-m", "venv", environment]);
    const pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", `ziglang==${ZIG_VERSION}`];
    mustRun("installing zig", python, pip);
    writeFileSync(join(environment, "complete"), "");
  }
  return mustRun("finding zig", python, find).trim();
}

/** A folder with the programs that native/zig.cmake names: CMake wants one file per tool. */
export function zigTools() {
  const zig = process.env.FUSTOR_ZIG ?? installZig();
  const folder = join(FOLDER, "tools");
  mkdirSync(folder, { recursive: true });
  for (const tool of ["c++", "ar", "ranlib"]) {
    const file = join(folder, `zig-${tool}`);
    writeFileSync(file, `#!/bin/sh\nexec '${zig}' ${tool} "$@"\n`);
    chmodSync(file, 0o755);
  }
  return folder;
}
