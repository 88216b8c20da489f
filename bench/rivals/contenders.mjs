/** Who is compared, and what has to be there for it. */

import { fileURLToPath } from "node:url";
import { chosenBy } from "../support/options.mjs";
import { INTEROP_PYTHON, withoutInteropModule, withoutPackage } from "./installed.mjs";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const HARNESS = here("../suites/watch/contender.mjs");

const inNode = (name, module, mode = "") => ({
  name,
  command: (root, capacity) => [process.execPath, HARNESS, here(module), root, String(capacity), mode],
});

const watchdog = {
  name: "watchdog (Python)",
  command: (root, capacity) => [INTEROP_PYTHON, here("./watchdog_contender.py"), root, String(capacity)],
};

/** The first needs fanotify's capabilities, which for a benchmark means root. */
const ours = [
  { ...inNode("fustor, fanotify", "./ours.mjs", "fanotify"), unless: () => process.getuid() !== 0 && "not root" },
  inNode("fustor, inotify", "./ours.mjs", "inotify"),
];

const rivals = [
  inNode("@parcel/watcher", "./parcel.mjs"),
  { ...inNode("chokidar", "./chokidar.mjs"), unless: () => withoutPackage("chokidar") },
  inNode("node fs.watch", "./fs-watch.mjs"),
  { ...watchdog, unless: () => withoutInteropModule("watchdog.observers") },
];

/** `skipped` says who is left out and why. */
export function gatherContenders(only) {
  const everybody = [...ours, ...rivals];
  const isWanted = chosenBy(
    only,
    everybody.map(({ name }) => name),
  );
  const wanted = everybody.filter(({ name }) => isWanted(name));
  const all = wanted.map((contender) => ({ ...contender, reason: contender.unless?.() || undefined }));
  return {
    contenders: all.filter(({ reason }) => reason === undefined),
    skipped: all.filter(({ reason }) => reason !== undefined).map(({ name, reason }) => ({ name, reason })),
  };
}
