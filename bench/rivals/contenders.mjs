/** Who is compared, and what has to be there for it. */
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const HARNESS = here("../suites/watch/contender.mjs");
const PYTHON = here("../../.interop/agent/bin/python");

const inNode = (name, module, mode = "") => ({
  name,
  command: (root, capacity) => [process.execPath, HARNESS, here(module), root, String(capacity), mode],
});

const watchdog = {
  name: "watchdog (Python)",
  command: (root, capacity) => [PYTHON, here("./watchdog_contender.py"), root, String(capacity)],
};

/** The first needs fanotify's capabilities, which for a benchmark means root. */
const ours = [
  { ...inNode("fustor, fanotify", "./ours.mjs", "fanotify"), unless: () => process.getuid() !== 0 && "not root" },
  inNode("fustor, inotify", "./ours.mjs", "inotify"),
];

const rivals = [
  inNode("@parcel/watcher", "./parcel.mjs"),
  { ...inNode("chokidar", "./chokidar.mjs"), unless: () => installRivals() },
  inNode("node fs.watch", "./fs-watch.mjs"),
  { ...watchdog, unless: () => !pythonHasWatchdog() && "no Python with watchdog in .interop/agent" },
];

/** The packages of bench/package.json, with the first use. Returns what went wrong, if anything did. */
function installRivals() {
  if (existsSync(here("../node_modules/chokidar"))) return false;
  try {
    execFileSync("npm", ["ci", "--no-audit", "--no-fund"], { cwd: here("../"), stdio: ["ignore", "ignore", "pipe"] });
    return false;
  } catch (error) {
    return `npm ci in bench/ failed: ${String(error.stderr ?? error).split("\n")[0]}`;
  }
}

function pythonHasWatchdog() {
  if (!existsSync(PYTHON)) return false;
  try {
    execFileSync(PYTHON, ["-c", "import watchdog.observers"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

/** `skipped` says who is left out and why. */
export function gatherContenders() {
  const all = [...ours, ...rivals].map((contender) => ({ ...contender, reason: contender.unless?.() || undefined }));
  return {
    contenders: all.filter(({ reason }) => reason === undefined),
    skipped: all.filter(({ reason }) => reason !== undefined).map(({ name, reason }) => ({ name, reason })),
  };
}
