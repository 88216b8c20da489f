/** Plays the tests with every change of a plan, in processes that are killed and begun again when a change makes them hang. */
import { spawn } from "node:child_process";
import { appendFileSync, closeSync, fstatSync, openSync, readFileSync, readSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const LOOK_MS = 500;
/** Before the first test, a process has to compile and load everything. */
const LOADING_MS = 120_000;
/** Above the bound that the test itself has, for what is to be closed after it. */
const CLOSING_MS = 1500;
/** First the tests that are quick, then those that are not with what is left. */
const TURNS_MS = [500, 3000, 60_000];

/** With the process that runs the tests for it: what a change made turn in a circle would do so for ever. */
function killGroup(child) {
  try {
    process.kill(-child.pid, "SIGKILL");
  } catch {
    // It is gone.
  }
}

function entriesOf(journal) {
  return readFileSync(journal, "utf8")
    .split("\n")
    .filter(Boolean)
    .map((line) => JSON.parse(line));
}

/** Its last entry, and when it was written. */
function newestOf(journal) {
  const file = openSync(journal, "r");
  try {
    const { size, mtimeMs } = fstatSync(file);
    const end = Buffer.alloc(Math.min(size, 100_000));
    readSync(file, end, 0, end.length, size - end.length);
    const last = end.toString().trimEnd().split("\n").at(-1);
    return { last: last === "" ? undefined : JSON.parse(last), mtimeMs };
  } finally {
    closeSync(file);
  }
}

export class Play {
  #copy;
  #journal;
  #plan;
  #child;

  /** `journal`: a file to go on from, and to write to; it has to be there. */
  constructor(copy, journal) {
    this.#copy = copy;
    this.#journal = journal;
    this.#plan = join(copy, "plan.json");
  }

  /** @returns what became of each change that a test reached: killed or survived, and what went wrong with tests. */
  async all(tests, ids, deadline) {
    writeFileSync(this.#plan, JSON.stringify(ids));
    let isWhole = true;
    for (const mostMs of TURNS_MS) {
      isWhole = false;
      while (!isWhole && performance.now() < deadline) isWhole = await this.#once(tests, { mostMs, deadline });
    }
    const { killed, outside, tries } = this.#found();
    if (tries === 0) throw new Error(`the tests cannot be played: ${tests.join(" ")}`);
    for (const id of outside) {
      if (!ids.includes(id) || killed.has(id) || performance.now() > deadline) continue;
      await this.#once(tests, { always: id, deadline });
    }
    return { ...this.#found(), isWhole };
  }

  #found() {
    const found = {
      killed: new Set(),
      late: new Set(),
      survived: new Set(),
      outside: new Set(),
      tries: 0,
      troubles: [],
    };
    for (const [what, id, detail, how] of entriesOf(this.#journal)) {
      if (what === "killed" && id !== "") found.killed.add(id);
      if (what === "killed" && how === "by its time") found.late.add(id);
      if (what === "try") found.tries++;
      if (what === "survived") found.survived.add(id);
      if (what === "outside") for (const one of id) found.outside.add(one);
      if (what === "trouble") found.troubles.push(`${id}: ${detail}`);
    }
    for (const id of found.killed) found.survived.delete(id);
    return found;
  }

  /** @returns whether the process came to its end by itself */
  #once(tests, { always = "", mostMs = 0, deadline }) {
    const environment = {
      FUSTOR_MUTATE_JOURNAL: this.#journal,
      FUSTOR_MUTATE_PLAN: this.#plan,
      FUSTOR_MUTATE_ALWAYS: always,
      FUSTOR_MUTATE_MOST_MS: String(mostMs),
      FUSTOR_MUTATE_TURN: `${mostMs} ms, ${tests.join(" ")}`,
    };
    const bail = always === "" ? [] : ["--bail", "1"];
    const child = spawn(
      process.execPath,
      ["node_modules/vitest/vitest.mjs", "run", "--config", "scripts/mutate/vitest.config.mjs", ...bail, ...tests],
      { cwd: this.#copy, stdio: "ignore", detached: true, env: { ...process.env, ...environment } },
    );
    this.#child = child;
    return new Promise((done) => {
      let wasKilled = false;
      const watch = setInterval(() => {
        const { last, mtimeMs } = newestOf(this.#journal);
        const isTry = last !== undefined && !["outside", "finished"].includes(last[0]);
        const boundMs = last?.[0] === "try" ? last[3] + CLOSING_MS : LOADING_MS;
        const isHanging = Date.now() - mtimeMs > boundMs;
        if (!isHanging && performance.now() < deadline) return;
        wasKilled = true;
        killGroup(child);
        if (isHanging && isTry) this.#blame(always === "" ? last[1] : always);
      }, LOOK_MS);
      child.once("exit", () => {
        clearInterval(watch);
        killGroup(child);
        done(!wasKilled);
      });
    });
  }

  #blame(id) {
    if (id !== "") appendFileSync(this.#journal, `${JSON.stringify(["killed", id, "it hangs", "by its time"])}\n`);
  }

  close() {
    if (this.#child !== undefined) killGroup(this.#child);
  }
}
