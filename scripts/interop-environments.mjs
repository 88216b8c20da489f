/** The Python environments below .interop/: made when missing, made anew when their requirements or the Python changed. */
import { execFileSync, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const LEAST_PYTHON = [3, 11];

export const environments = {
  fusion: { folder: join(root, ".interop/fusion"), requirements: join(root, "test/interop/requirements.txt") },
  agent: { folder: join(root, ".interop/agent"), requirements: join(root, "test/interop/requirements-agent.txt") },
  s3: { folder: join(root, ".interop/s3"), requirements: join(root, "packages/source-s3/test/requirements.txt") },
};

/** Ends the run with one line that says what to install. */
export class EnvironmentMissing extends Error {}

const QUESTION = `
import sys
try:
    import venv, ensurepip
    able = "venv"
except ImportError:
    able = "none"
print(sys.version_info[0], sys.version_info[1], able, sys.version.split()[0])
`;

/** `FUSTOR_PYTHON`, else the first of python3 and python3.11 to python3.14 that is young enough. */
function findPython() {
  const wanted = process.env.FUSTOR_PYTHON;
  const names = wanted ? [wanted] : ["python3", "python3.11", "python3.12", "python3.13", "python3.14"];
  const found = [];
  for (const name of names) {
    const asked = spawnSync(name, ["-c", QUESTION], { encoding: "utf8" });
    if (asked.error || asked.status !== 0) continue;
    const [major, minor, able, version] = asked.stdout.trim().split(" ");
    const young = Number(major) === LEAST_PYTHON[0] && Number(minor) >= LEAST_PYTHON[1];
    if (young && able === "venv") return { name, version };
    found.push(young ? `${name} ${version} lacks venv` : `${name} is ${version}`);
  }
  const seen = found.length === 0 ? `none of ${names.join(", ")} runs` : found.join(", ");
  throw new EnvironmentMissing(
    `test:interop needs Python >= ${LEAST_PYTHON.join(".")} with venv (${seen}): install python3 and python3-venv, or set FUSTOR_PYTHON.`,
  );
}

function ensure({ folder, requirements }, python) {
  const stampFile = join(folder, "requirements.sha256");
  const wanted = createHash("sha256").update(readFileSync(requirements)).update(python.version).digest("hex");
  if (existsSync(stampFile) && readFileSync(stampFile, "utf8") === wanted) return;
  process.stdout.write(`making ${folder}\n`);
  rmSync(folder, { recursive: true, force: true });
  execFileSync(python.name, ["-m", "venv", folder], { stdio: "inherit" });
  // Python compiles what it loads, which is little of what is installed.
  const quick = ["--quiet", "--disable-pip-version-check", "--no-compile"];
  const pip = ["-m", "pip", "install", ...quick, "-r", requirements];
  execFileSync(join(folder, "bin/python"), pip, { stdio: "inherit" });
  writeFileSync(stampFile, wanted);
}

/** @param {("fusion" | "agent" | "s3")[]} names */
export function ensureEnvironments(names) {
  const python = findPython();
  for (const name of names) {
    try {
      ensure(environments[name], python);
    } catch (error) {
      throw new EnvironmentMissing(`test:interop could not set up ${environments[name].folder}: ${error.message}`);
    }
  }
}
