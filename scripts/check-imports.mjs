// Enforces the import table of ARCHITECTURE.md: data flows one way, and the folders outside the line are never imported by it.
// The packages of drivers import what an author elsewhere could: the SDK, their own files and their own dependencies.
import { readdirSync, readFileSync } from "node:fs";
import { isBuiltin } from "node:module";
import { dirname, join, relative, resolve } from "node:path";

const ROOT = resolve(import.meta.dirname, "..");
const SRC = join(ROOT, "src");

const BELOW_THE_AGENT = ["sdk", "native", "bus", "config", "drivers", "pipe", "pipe/pipe.ts"];

/** folder or file -> those it may import besides itself; the most specific prefix wins */
const ALLOWED = {
  sdk: [],
  "sdk/testing": ["sdk"],
  native: ["sdk"],
  bus: ["sdk"],
  drivers: ["sdk", "sources", "senders"],
  yaml: ["sdk"],
  config: ["sdk", "drivers", "yaml"],
  telemetry: ["sdk"],
  senders: ["sdk"],
  sources: ["sdk", "native"],
  // Words that all rooms of the pipe share; then the rooms, each one above those that it imports.
  pipe: ["sdk", "bus"],
  "pipe/encode": ["sdk", "bus", "pipe"],
  "pipe/receiver": ["sdk", "bus", "pipe", "pipe/encode"],
  "pipe/send": ["sdk", "bus", "pipe", "pipe/encode", "pipe/receiver"],
  "pipe/bulk": ["sdk", "bus", "pipe", "pipe/encode", "pipe/receiver", "pipe/send"],
  "pipe/session": ["sdk", "bus", "pipe", "pipe/encode", "pipe/receiver", "pipe/send", "pipe/bulk"],
  "pipe/pipe.ts": ["sdk", "bus", "pipe", "pipe/encode", "pipe/receiver", "pipe/send", "pipe/bulk", "pipe/session"],
  fusion: ["sdk", "yaml"],
  verify: ["sdk"],
  // Words that all rooms of the agent share; then the rooms; then what is made of all of them.
  agent: ["sdk", "config", "pipe"],
  "agent/state": ["sdk", "config", "pipe", "agent"],
  "agent/identity": ["sdk", "config", "agent", "agent/state"],
  "agent/reload": ["sdk", "config", "drivers", "agent"],
  "agent/control": ["sdk", "config", "agent", "agent/state", "agent/identity", "agent/reload"],
  "agent/process": ["sdk", "native", "config", "agent", "agent/state", "agent/identity", "agent/control"],
  "agent/pipe-configs": ["sdk", "config", "yaml", "agent/state", "agent/reload", "agent/process"],
  "agent/running-pipe.ts": [...BELOW_THE_AGENT, "agent", "agent/state", "agent/reload"],
  "agent/managed-pipe.ts": ["sdk", "bus", "pipe", "agent", "agent/reload", "agent/running-pipe.ts"],
  "agent/agent.ts": [
    ...BELOW_THE_AGENT,
    ...["agent", "agent/state", "agent/identity", "agent/reload", "agent/process"],
    ...["agent/running-pipe.ts", "agent/managed-pipe.ts"],
  ],
  admin: ["sdk", "config", "drivers", "agent", "agent/reload"],
  console: ["sdk", "admin", "agent", "agent/state", "agent/control", "telemetry", "console/metrics"],
  "console/metrics": ["sdk", "agent", "pipe"],
  // Runs in a browser: types, which leave nothing behind, and what needs no Node; scripts/build-page.mjs refuses the rest.
  "console/web": ["sdk", "native", "agent", "admin", "console"],
  "cli/tools": ["sdk", "native", "config", "fusion", "agent", "agent/agent.ts", "verify"],
  "cli/doctor": [
    ...["sdk", "native", "config", "drivers", "yaml", "console", "agent", "agent/control", "agent/process"],
  ],
  cli: [
    ...["sdk", "config", "drivers", "agent", "agent/agent.ts", "agent/state", "agent/identity", "agent/reload"],
    ...[
      "agent/control",
      "agent/process",
      "agent/pipe-configs",
      "admin",
      "console",
      "fusion",
      "telemetry",
      "yaml",
      "verify",
    ],
    ...["cli/tools", "cli/doctor"],
  ],
  "": ["sdk", "config", "yaml", "drivers", "agent", "agent/agent.ts", "agent/pipe-configs"],
};

const NO_SOURCES = ["node_modules", "dist"];

function* filesBelow(folder) {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) {
      if (!NO_SOURCES.includes(entry.name)) yield* filesBelow(path);
    } else if (/\.(tsx?|mjs|js)$/.test(entry.name)) yield path;
  }
}

const specifiersIn = (file) =>
  [...readFileSync(file, "utf8").matchAll(/(?:\bfrom\s+|\bimport\s*\(?\s*)"([^"]+)"/g)].map(
    ([, specifier]) => specifier,
  );

const roomOf = (path) => {
  const parts = relative(SRC, path).split("/");
  for (let length = parts.length; length > 0; length--) {
    const name = parts.slice(0, length).join("/");
    if (name in ALLOWED) return name;
  }
  return parts.length > 1 ? parts[0] : "";
};

const problems = [];
for (const file of filesBelow(SRC)) {
  const room = roomOf(file);
  const allowed = ALLOWED[room];
  if (allowed === undefined) {
    problems.push(`${relative(SRC, file)}: the folder ${room}/ is not in the import table`);
    continue;
  }
  for (const specifier of specifiersIn(file).filter((each) => each.startsWith("."))) {
    const target = roomOf(resolve(dirname(file), specifier));
    if (target !== room && !allowed.includes(target)) {
      problems.push(`${relative(SRC, file)}: ${room}/ may not import ${target}/ (${specifier})`);
    }
  }
}

/** Tests and benches use the repository's own test/, bench/ and scripts/ besides. */
function mayImport({ folder, dependencies }, file, specifier) {
  const isTest = /^(test|bench)/.test(relative(folder, file));
  if (specifier.startsWith(".")) {
    const target = resolve(dirname(file), specifier);
    return [folder, ...(isTest ? ["test", "bench", "scripts"].map((name) => join(ROOT, name)) : [])].some((each) =>
      target.startsWith(`${each}/`),
    );
  }
  if (isBuiltin(specifier) || specifier === "fustor-agent/sdk") return true;
  if (isTest && ["fustor-agent/sdk/testing", "vitest"].includes(specifier)) return true;
  return dependencies.some((name) => specifier === name || specifier.startsWith(`${name}/`));
}

for (const name of readdirSync(join(ROOT, "packages")).filter((each) => /^(source|sender)-/.test(each))) {
  const folder = join(ROOT, "packages", name);
  const { dependencies = {} } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  for (const file of filesBelow(folder)) {
    for (const specifier of specifiersIn(file)) {
      if (mayImport({ folder, dependencies: Object.keys(dependencies) }, file, specifier)) continue;
      problems.push(`${relative(ROOT, file)}: a driver may not import ${specifier}`);
    }
  }
}

for (const problem of problems) console.error(problem);
if (problems.length > 0) process.exit(1);
console.log("imports follow the table");
