/**
 * `npm run mutate [-- parts of file names]`: changes the code of pipe, bus and arbitration in one place at a time, in a
 * copy, and plays the tests of that part. A change that no test notices has survived: it is printed, and the run fails
 * unless docs/mutations.md explains it. `--sample N` takes every N-th change, `--from L` begins at that line of each file,
 * `--seconds S` ends after so long, `--each` says what became of each change. `--journal FILE` keeps what was found in that
 * file, and goes on from there when it exists; the code that is changed has to be the same.
 */
import {
  appendFileSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { mutantsOf } from "./mutate/mutants.mjs";
import { Play } from "./mutate/play.mjs";
import { withSwitches } from "./mutate/switches.mjs";
import { TARGETS } from "./mutate/targets.mjs";

const ROOT = resolve(import.meta.dirname, "..");
const EXPLAINED = readFileSync(join(ROOT, "docs/mutations.md"), "utf8");

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    sample: { type: "string", default: "1" },
    from: { type: "string", default: "1" },
    seconds: { type: "string", default: "86400" },
    journal: { type: "string" },
    each: { type: "boolean", default: false },
  },
});
const deadline = performance.now() + Number(values.seconds) * 1000;

/** What the tests need, the sources as files of its own. */
function copyTree() {
  const copy = mkdtempSync(join(tmpdir(), "fustor-mutate-"));
  for (const name of ["src", "test", "scripts", "package.json", "vitest.config.ts", "tsconfig.json"])
    cpSync(join(ROOT, name), join(copy, name), { recursive: true });
  for (const name of ["node_modules", "build", "dist", "docs", "native"])
    symlinkSync(join(ROOT, name), join(copy, name));
  mkdirSync(join(copy, "bench"));
  return copy;
}

/** Writes the file into the copy with a switch for each of its changes. */
function prepare(copy, file) {
  const text = readFileSync(join(ROOT, file), "utf8");
  const mutants = mutantsOf(text).map((mutant, at) => ({ ...mutant, id: `${file}:${at}`, file }));
  writeFileSync(join(copy, file), withSwitches(text, mutants));
  return mutants.filter(({ line }, at) => line >= Number(values.from) && at % Number(values.sample) === 0);
}

/** Files whose changes the same tests have to notice are tried in one go. */
function groupsOf(targets) {
  const groups = new Map();
  for (const { file, tests } of targets) {
    const key = tests.join(" ");
    groups.set(key, { tests, files: [...(groups.get(key)?.files ?? []), file] });
  }
  return [...groups.values()];
}

const verdictOf = ({ id }, found) => {
  if (found.killed.has(id)) return found.late.has(id) ? "noticed by its time" : "noticed";
  if (!found.isWhole) return "not tried to the end";
  return found.survived.has(id) || found.outside.has(id) ? "survived" : "survived, no test comes there";
};

const totals = { tried: 0, survived: 0, open: 0 };

function report(file, mutants, found) {
  const count = { noticed: 0, late: 0, tried: 0 };
  for (const mutant of mutants) {
    const name = `${file}: ${mutant.name}`;
    const verdict = verdictOf(mutant, found);
    const isExplained = EXPLAINED.includes(`\`${name}\``);
    const hasSurvived = verdict.startsWith("survived");
    const isNoticed = verdict.startsWith("noticed");
    if (isNoticed) count.noticed++;
    if (isNoticed && found.late.has(mutant.id)) count.late++;
    if (isNoticed || hasSurvived) count.tried++;
    if (hasSurvived) totals.survived++;
    if (hasSurvived && !isExplained) totals.open++;
    if (hasSurvived || values.each)
      console.log(`${verdict}${hasSurvived && isExplained ? ", explained" : ""}: ${name} (line ${mutant.line})`);
  }
  totals.tried += count.tried;
  const late = count.late === 0 ? "" : ` (${count.late} by their time alone)`;
  console.log(
    `${file}: ${count.noticed} of ${count.tried} changes were noticed${late}, ${mutants.length} were to be tried`,
  );
}

const copy = copyTree();
const journal = values.journal === undefined ? join(copy, "journal") : resolve(values.journal);
appendFileSync(journal, "");
const play = new Play(copy, journal);
const clean = () => {
  play.close();
  rmSync(copy, { recursive: true, force: true, maxRetries: 5 });
};
// The processes that play have groups of their own, which a Ctrl-C at the terminal does not reach.
for (const signal of ["SIGINT", "SIGTERM"])
  process.once(signal, () => {
    clean();
    process.exit(1);
  });

try {
  const isMeant = ({ file }) => positionals.length === 0 || positionals.some((part) => file.includes(part));
  for (const { files, tests } of groupsOf(TARGETS.filter(isMeant))) {
    if (performance.now() > deadline) break;
    const mutants = new Map(files.map((file) => [file, prepare(copy, file)]));
    const ids = [...mutants.values()].flat().map(({ id }) => id);
    const found = await play.all(tests, ids, deadline);
    for (const [file, ofFile] of mutants) report(file, ofFile, found);
    for (const trouble of found.troubles) console.log(`a test did not count: ${trouble}`);
    // The next group may import these files: without switches.
    for (const file of files) cpSync(join(ROOT, file), join(copy, file));
  }
} finally {
  clean();
}
console.log(`${totals.tried} changes, ${totals.survived} survived, ${totals.open} of them unexplained`);
process.exitCode = totals.open > 0 || totals.tried === 0 ? 1 : 0;
