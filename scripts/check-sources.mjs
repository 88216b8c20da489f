// `native/sources.txt` names every C++ source once, for CMake and for node-gyp. This checks that it names what is on disk;
// `--write` brings it up to date. It checks that no source is too long and that each decision note has a number of its own. It
// checks that tests wait for conditions: what sleeps or waits without a bound is named. And it checks that code and text
// use the words of docs/glossary.md.
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";

const NATIVE = resolve(import.meta.dirname, "..", "native");
const LIST = join(NATIVE, "sources.txt");

const TESTS = resolve(import.meta.dirname, "..", "test");
/** Timers and endless loops belong into the waits of test/support/wait-for.ts; these have a reason of their own. */
const MAY_USE_TIMERS = {
  "support/wait-for.ts": "the waits",
  "support/tree-compare.ts": "a wait that answers instead of throwing",
  "support/fake-source.ts": "the pace of a source",
  "support/faulty-sender.ts": "the delay of an answer",
  "support/pipe-harness.ts": "which timers become virtual",
  "support/child-process.ts": "the patience with a child that ends",
  "e2e/drivers.test.ts": "the code of a driver",
  "unit/bus/bus-pool.test.ts": "the clock of the code under test",
  "unit/agent/process/end-process.test.ts": "the code of a child process",
  "unit/native/process.test.ts": "the code of child processes",
};
/** Words that the glossary replaced by others, in which folders they must not come back, and what to say instead. */
const EVERYWHERE = ["src", "native", "test", "bench", "scripts", "docs"];
const REPLACED_WORDS = [
  { pattern: /\bfar[- ]sides?\b/i, instead: "receiver, or Fusion where its rules matter", folders: EVERYWHERE },
  { pattern: /\bshipments?\b/i, instead: "batch", folders: EVERYWHERE },
  { pattern: /\bpipe slots?\b/i, instead: "managed pipe", folders: EVERYWHERE },
  { pattern: /\bdoubtful\b/i, instead: "stale row", folders: EVERYWHERE },
  { pattern: /\btouched keys?\b/i, instead: "superseded row", folders: EVERYWHERE },
  { pattern: /politeness/i, instead: "throttling", folders: ["src", "docs"] },
  { pattern: /reviv/i, instead: "lifting form, to lift a tombstone", folders: EVERYWHERE },
  {
    pattern: /\b(whoever|somebody)\b/i,
    instead: "who it is: the receiver, the source, another agent, a user",
    folders: ["src/pipe", "src/bus", "src/sdk", "src/senders", "src/sources"],
  },
];
const MAY_NAME_THEM = ["docs/glossary.md", "scripts/check-sources.mjs"];
/** A longer file holds a second responsibility, which gets a file with a name of its own. */
const MOST_LINES = { src: 250, native: 300 };
const MAY_BE_LONGER = {
  "src/console/metrics/metric-table.ts": "a table: one place for every metric",
  "src/console/web/words.ts": "a table: every word in each language",
};
const OF_OTHERS = /^native\/vendor\//;
const SLEEP = /\bsetTimeout\b|node:timers\/promises|\bfor \(;;\)|\bwhile \(true\)/;
const SILENT_SKIP = /printf\("[^"]*\bskipped\b|\breturn \(void\) ?CHECK\b/i;

function linesLike(pattern, extension, spared = {}) {
  const files = readdirSync(TESTS, { recursive: true }).filter((name) => name.endsWith(extension) && !(name in spared));
  return files.flatMap((name) => {
    const lines = readFileSync(join(TESTS, name), "utf8").split("\n");
    return lines.flatMap((line, at) => (pattern.test(line) ? [`test/${name}:${at + 1}: ${line.trim()}`] : []));
  });
}

const ROOT = resolve(import.meta.dirname, "..");
const isText = (name) => /\.(tsx?|mjs|cc|h|md)$/.test(name) && !name.includes("node_modules");

function wordsIn(folder, pattern) {
  const files = readdirSync(join(ROOT, folder), { recursive: true }).map((name) => `${folder}/${name}`);
  return files
    .filter((name) => isText(name) && !MAY_NAME_THEM.includes(name))
    .flatMap((name) => {
      const lines = readFileSync(join(ROOT, name), "utf8").split("\n");
      return lines.flatMap((line, at) => (pattern.test(line) ? [`${name}:${at + 1}: ${line.trim()}`] : []));
    });
}

function tooLong(folder) {
  const names = readdirSync(join(ROOT, folder), { recursive: true }).map((name) => `${folder}/${name}`);
  return names
    .filter((name) => /\.(tsx?|cc|h)$/.test(name) && !OF_OTHERS.test(name) && !(name in MAY_BE_LONGER))
    .flatMap((name) => {
      const lines = readFileSync(join(ROOT, name), "utf8").split("\n").length - 1;
      return lines > MOST_LINES[folder] ? [`${name} has ${lines} lines, more than ${MOST_LINES[folder]}`] : [];
    });
}

/** Two notes that were written at the same time. */
function sharedNumbers() {
  const notes = readdirSync(join(ROOT, "docs", "decisions")).filter((name) => /^\d{4}-/.test(name));
  const numberOf = (name) => name.slice(0, 4);
  return notes
    .filter((name) => notes.some((other) => other !== name && numberOf(other) === numberOf(name)))
    .map((name) => `docs/decisions/${name} has the number of another note`);
}

const onDisk = ["addon", "src"].flatMap((folder) =>
  readdirSync(join(NATIVE, folder), { recursive: true })
    .filter((name) => name.endsWith(".cc"))
    .map((name) => `${folder}/${name}`)
    .sort(),
);

if (process.argv.includes("--write")) {
  writeFileSync(LIST, `${onDisk.join("\n")}\n`);
  console.log(`native/sources.txt names ${onDisk.length} sources`);
  process.exit(0);
}

const listed = readFileSync(LIST, "utf8").split("\n").filter(Boolean);
const problems = [
  ...onDisk.filter((name) => !listed.includes(name)).map((name) => `native/${name} is not in native/sources.txt`),
  ...listed
    .filter((name) => !onDisk.includes(name))
    .map((name) => `native/sources.txt names ${name}, which does not exist`),
  ...listed.filter((name, i) => listed.indexOf(name) !== i).map((name) => `native/sources.txt names ${name} twice`),
];
for (const problem of problems) console.error(problem);
if (problems.length > 0) {
  console.error("run `node scripts/check-sources.mjs --write`");
  process.exit(1);
}
console.log("the list of native sources is complete");

const oversized = [...tooLong("src"), ...tooLong("native")];
for (const line of oversized) console.error(`${line}: give its second responsibility a file of its own`);
if (oversized.length > 0) process.exit(1);
console.log("no source is too long");

const numbers = sharedNumbers();
for (const line of numbers) console.error(line);
if (numbers.length > 0) process.exit(1);
console.log("each decision note has a number of its own");

const sleeps = linesLike(SLEEP, ".ts", MAY_USE_TIMERS);
const silent = linesLike(SILENT_SKIP, "_test.cc");
for (const line of sleeps) console.error(`${line}\n  sleeps, or waits without a bound: see test/support/wait-for.ts`);
for (const line of silent) console.error(`${line}\n  tells nobody that it was skipped: use check::skipped`);
if (sleeps.length + silent.length > 0) process.exit(1);
console.log("tests wait with a bound");

const replaced = REPLACED_WORDS.flatMap(({ pattern, instead, folders }) =>
  folders.flatMap((folder) => wordsIn(folder, pattern).map((line) => `${line}\n  docs/glossary.md says: ${instead}`)),
);
for (const line of replaced) console.error(line);
if (replaced.length > 0) process.exit(1);
console.log("the words are those of the glossary");
