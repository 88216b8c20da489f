// Enforces the table of native rooms in ARCHITECTURE.md: which folder of native/ may include which. One way, as the
// imports of src/ (check-imports.mjs).
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";

const NATIVE = resolve(import.meta.dirname, "..", "native");

const ENGINE = [
  "watch_engine",
  "engine_rooms",
  "state",
  "status",
  "reader",
  "event_batch",
  "make_watcher",
  "watch_index",
];
const BELOW = ["include", "src/base"];
const WATCH = "src/watch";
const watch = (...rooms) => rooms.map((room) => `${WATCH}/${room}`);

/** folder, or file without its ending -> what it may include besides itself; the most specific prefix wins */
const ALLOWED = {
  include: [],
  vendor: [],
  "src/base": ["include"],
  "src/scan": BELOW,
  "src/sweep": [...BELOW, "vendor"],
  // Words that all rooms of the watch share; then the rooms, each one above those that it includes.
  [WATCH]: BELOW,
  [`${WATCH}/source`]: [...BELOW, WATCH],
  [`${WATCH}/model`]: [...BELOW, WATCH],
  [`${WATCH}/schedule`]: [...BELOW, WATCH, ...watch("source", "model")],
  [`${WATCH}/changes`]: [...BELOW, WATCH, ...watch("model", "schedule")],
  [`${WATCH}/index`]: [...BELOW, WATCH, ...watch("model", "schedule", "changes")],
  [`${WATCH}/rows`]: [...BELOW, WATCH, ...watch("model", "changes")],
  [`${WATCH}/mounts`]: [...BELOW, "src/scan", WATCH, ...watch("source", "model", "schedule")],
  [`${WATCH}/hangs`]: [...BELOW, WATCH, ...watch("model", "schedule", "mounts")],
  [`${WATCH}/coverage`]: [...BELOW, "src/scan", WATCH, ...watch("source", "model", "schedule")],
  [`${WATCH}/passes`]: [...BELOW, WATCH, ...watch("source", "model", "schedule", "changes", "rows")],
  [`${WATCH}/diff`]: [
    ...[...BELOW, WATCH],
    ...watch("model", "schedule", "changes", "rows", "mounts", "hangs", "coverage", "passes"),
  ],
  [`${WATCH}/root`]: [
    ...[...BELOW, "src/scan", WATCH],
    ...watch("source", "model", "schedule", "mounts", "hangs", "coverage", "passes"),
  ],
  [`${WATCH}/look`]: [...BELOW, "src/scan", WATCH, ...watch("model", "schedule", "mounts", "hangs", "diff", "root")],
  [`${WATCH}/threads`]: [
    ...[...BELOW, "src/scan", WATCH],
    ...watch("model", "schedule", "mounts", "hangs", "passes", "root", "look"),
  ],
  // Reads the engine's table and marks what it found, as the engine's friend.
  [`${WATCH}/sweep`]: [...BELOW, "src/sweep", WATCH, ...watch("model", "schedule", "watch_engine")],
  ...Object.fromEntries(ENGINE.map((file) => [`${WATCH}/${file}`, "everything below the addon"])),
  addon: [...BELOW, "src/scan", "src/sweep", ...watch("mounts")],
};

function* sourcesBelow(folder) {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) yield* sourcesBelow(path);
    else if (/\.(cc|h)$/.test(entry.name)) yield path;
  }
}

const roomOf = (path) => {
  const parts = relative(NATIVE, path)
    .replace(/\.(cc|h)$/, "")
    .split("/");
  for (let length = parts.length; length > 0; length--) {
    const name = parts.slice(0, length).join("/");
    if (name in ALLOWED) return name;
  }
  return undefined;
};

/** As the compiler finds it: beside the file, then in the folders that CMake names. */
const targetOf = (file, included) =>
  [dirname(file), ...["src", "include", "vendor", "."].map((folder) => join(NATIVE, folder))]
    .map((folder) => join(folder, included))
    .find(existsSync);

const mayInclude = (room, target) =>
  room === target || ALLOWED[room] === "everything below the addon"
    ? target !== "addon"
    : ALLOWED[room].includes(target);

const problems = [];
for (const file of sourcesBelow(NATIVE)) {
  const name = relative(NATIVE, file);
  const room = roomOf(file);
  if (room === undefined) {
    problems.push(`native/${name}: its folder is not in the table of scripts/check-includes.mjs`);
    continue;
  }
  if (room === "vendor") continue;
  for (const [, included] of readFileSync(file, "utf8").matchAll(/^#include "([^"]+)"/gm)) {
    const target = targetOf(file, included);
    if (target === undefined) problems.push(`native/${name}: includes ${included}, which is nowhere`);
    else if (room !== roomOf(target) && !mayInclude(room, roomOf(target))) {
      problems.push(`native/${name}: ${room} may not include ${roomOf(target)} (${included})`);
    }
  }
}

for (const problem of problems) console.error(problem);
if (problems.length > 0) process.exit(1);
console.log("includes follow the table");
