/**
 * `npm run mutate [-- parts of file names]`: changes the code of pipe, bus and arbitration in one place at a time, in a copy, and runs
 * the tests of that part. A change that no test notices has survived: it is printed, and the run fails unless docs/mutations.md
 * explains it. `--sample N` takes every N-th change, `--from L` begins at that line of each file, `--seconds S` ends after so long.
 */
import { fork } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { mutantsOf, TARGETS } from "./mutate/mutants.mjs";

const ROOT = resolve(import.meta.dirname, "..");
const EXPLAINED = join(ROOT, "docs/mutations.md");
/** A change may make the tests slow; beyond this it counts as noticed. */
const PATIENCE_MS = 120_000;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    sample: { type: "string", default: "1" },
    from: { type: "string", default: "1" },
    seconds: { type: "string", default: "86400" },
  },
});
const everyNth = Number(values.sample);
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

/** With the process that runs the tests for it: what a change made turn in a circle would do so for ever. */
function killGroup(child) {
  try {
    process.kill(-child.pid, "SIGKILL");
  } catch {
    // It is gone.
  }
}

/** A process that runs the tests again and again; it is killed when a change makes it hang, and another takes its place. */
class Runner {
  #child;
  constructor(copy, tests) {
    this.copy = copy;
    this.tests = tests;
  }
  async run(file, patienceMs) {
    this.#child ??= fork(join(import.meta.dirname, "mutate/runner.mjs"), this.tests, {
      cwd: this.copy,
      stdio: "ignore",
      detached: true,
    });
    const child = this.#child;
    return new Promise((done) => {
      const timer = setTimeout(() => killGroup(child), patienceMs);
      const end = (verdict) => {
        clearTimeout(timer);
        child.removeAllListeners();
        done(verdict);
      };
      child.once("message", end);
      child.once("exit", () => {
        killGroup(child);
        this.#child = undefined;
        end("killed");
      });
      child.send(file);
    });
  }
  close() {
    if (this.#child !== undefined) killGroup(this.#child);
  }
}

// The runners have groups of their own, which a Ctrl-C at the terminal does not reach.
for (const signal of ["SIGINT", "SIGTERM"]) {
  process.once(signal, () => {
    running?.close();
    rmSync(copy, { recursive: true, force: true, maxRetries: 5 });
    process.exit(1);
  });
}

const explained = readFileSync(EXPLAINED, "utf8");
const copy = copyTree();
const survivors = [];
let running;
let tried = 0;
try {
  for (const { file, tests } of TARGETS) {
    if (positionals.length > 0 && !positionals.some((part) => file.includes(part))) continue;
    if (performance.now() > deadline) break;
    const text = readFileSync(join(ROOT, file), "utf8");
    const mutants = mutantsOf(text).filter(({ line }, at) => line >= Number(values.from) && at % everyNth === 0);
    const runner = new Runner(copy, tests);
    running = runner;
    const path = join(copy, file);
    const begun = performance.now();
    if ((await runner.run(path, PATIENCE_MS)) !== "survived")
      throw new Error(`the tests of ${file} fail without a change`);
    const usualMs = performance.now() - begun;
    let killed = 0;
    const before = tried;
    for (const mutant of mutants) {
      if (performance.now() > deadline) break;
      writeFileSync(path, text.slice(0, mutant.start) + mutant.text + text.slice(mutant.end));
      const verdict = await runner.run(path, Math.min(PATIENCE_MS, usualMs * 4 + 10_000));
      tried++;
      if (verdict === "killed") killed++;
      else {
        const name = `${file}: ${mutant.name}`;
        survivors.push(name);
        console.log(`survived${explained.includes(`\`${name}\``) ? ", explained" : ""}: ${name} (line ${mutant.line})`);
      }
    }
    writeFileSync(path, text);
    runner.close();
    console.log(`${file}: ${killed} of ${tried - before} changes were noticed, ${mutants.length} were to be tried`);
  }
} finally {
  rmSync(copy, { recursive: true, force: true, maxRetries: 5 });
}
const open = survivors.filter((name) => !explained.includes(`\`${name}\``));
console.log(`${tried} changes, ${survivors.length} survived, ${open.length} of them unexplained`);
process.exitCode = open.length > 0 || tried === 0 ? 1 : 0;
