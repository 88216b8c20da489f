/**
 * A runner for vitest that tries changes while it runs: every change is compiled into the code behind a switch, a test
 * is first played without any, and then again with each change that it reached and that no test noticed so far. vitest's
 * own retries do the playing, so hooks, contexts and everything else are as usual. What was found goes into a journal,
 * one line at a time: a process that hangs is killed, and the next one goes on after it.
 */
import { appendFileSync, readFileSync } from "node:fs";
import { TestRunner } from "vitest";

const { setTimeout, clearTimeout, setImmediate } = globalThis;
const now = performance.now.bind(performance);

const JOURNAL = process.env.FUSTOR_MUTATE_JOURNAL;
/** Tests that take longer are for the turn after this one: most changes are noticed by a quick one. */
const MOST_MS = Number(process.env.FUSTOR_MUTATE_MOST_MS);
/** How many times longer than usual a test may take on this machine before its change counts as noticed. */
const PATIENCE = Math.max(1, Number(process.env.FUSTOR_TEST_PATIENCE ?? "1") || 1);
const LONGEST_MS = 60_000;
/** Of changes in code that runs while modules are loaded: on from the beginning, in a process of their own. */
const FROM_THE_START = process.env.FUSTOR_MUTATE_ALWAYS ?? "";
const wanted = new Set(JSON.parse(readFileSync(process.env.FUSTOR_MUTATE_PLAN, "utf8")));
const killed = new Set();
const survived = new Set();

const ORDER = { "<": (a, b) => a < b, "<=": (a, b) => a <= b, ">": (a, b) => a > b, ">=": (a, b) => a >= b };
const EQUALITY = { "===": (a, b) => a === b, "!==": (a, b) => a !== b };
const ARITHMETIC = { "+": (a, b) => a + b, "-": (a, b) => a - b };
const OPERATORS = { ...ORDER, ...EQUALITY, ...ARITHMETIC };

/** What switches.mjs writes into the code calls these. */
const switches = {
  active: FROM_THE_START,
  hit: new Set(),
  left: undefined,
  on(id) {
    switches.hit.add(id);
    return switches.active === id;
  },
  /** Of `left && right` and `left || right`: whether the right side counts. */
  goesOn(id, isAnd, left) {
    switches.left = left;
    return (isAnd !== switches.on(id)) === Boolean(left);
  },
  binary: (id, usual, changed, left, right) => OPERATORS[switches.on(id) ? changed : usual](left, right),
};
globalThis.__mutation = switches;

const note = (...entry) => appendFileSync(JOURNAL, `${JSON.stringify(entry)}\n`);

for (const line of readFileSync(JOURNAL, "utf8").split("\n").filter(Boolean)) {
  const [what, id, test] = JSON.parse(line);
  if (what === "killed") killed.add(id);
  if (what === "survived") survived.add(`${id} ${test}`);
}

function kill(id, test, how = "by a failure") {
  if (id === "" || killed.has(id)) return;
  killed.add(id);
  note("killed", id, test, how);
}

for (const event of ["unhandledRejection", "uncaughtException"])
  process.on(event, () => kill(switches.active, "an error that nothing caught"));

const TOO_SLOW = new Error("too slow");
const nameOf = (test) => `${test.file.name} > ${test.name} ${test.id}`;

export default class SwitchingRunner extends TestRunner {
  #test = "";
  #queue = [];
  #usualMs = 0;
  #begun = 0;
  #sharesState = false;

  onAfterRunFiles(files) {
    super.onAfterRunFiles(files);
    for (const { name } of files) note("finished", name, process.env.FUSTOR_MUTATE_TURN);
  }

  /** What was reached while modules were loaded or by hooks of whole files: no test can be played again for it alone. */
  onBeforeRunFiles() {
    if (switches.hit.size > 0) note("outside", [...switches.hit]);
    switches.hit.clear();
  }

  async onBeforeRunTask(test) {
    await super.onBeforeRunTask(test);
    this.onBeforeRunFiles();
    this.#test = nameOf(test);
    this.#usualMs = Number.NaN;
    this.#queue = [];
    this.#sharesState = hasStateOfItsFile(test);
    if (FROM_THE_START === "") test.retry = 1_000_000;
  }

  onBeforeTryTask(test, options) {
    test.result.errors = undefined;
    this.#begun = now();
    switches.hit.clear();
    note("try", switches.active, this.#test, this.#bound());
    return super.onBeforeTryTask(test, options);
  }

  #bound() {
    return Number.isNaN(this.#usualMs) ? LONGEST_MS : Math.min(LONGEST_MS, PATIENCE * (1000 + 5 * this.#usualMs));
  }

  async runTask(test) {
    let timer;
    const late = new Promise((_, reject) => {
      timer = setTimeout(() => reject(TOO_SLOW), this.#bound());
    });
    try {
      await Promise.race([TestRunner.getTestFn(test)(), late]);
    } catch (error) {
      if (switches.active === "") throw error;
      kill(switches.active, this.#test, error === TOO_SLOW ? "by its time" : undefined);
      // Not the error itself: what vitest does to show it takes longer than the test, and calls what was changed.
      throw new Error("noticed");
    } finally {
      clearTimeout(timer);
    }
  }

  /** The answer to "was that change noticed", and which one is tried next. */
  async onAfterRetryTask(test) {
    if (FROM_THE_START !== "") {
      if (test.result.state === "fail") kill(FROM_THE_START, this.#test);
      return;
    }
    await new Promise((done) => setImmediate(done));
    const { active } = switches;
    const isGood = test.result.state !== "fail";
    if (active !== "") {
      if (!isGood) kill(active, this.#test);
      if (!killed.has(active)) note("survived", active, this.#test);
    } else if (Number.isNaN(this.#usualMs)) {
      if (!isGood) return this.#end(test, `fails without a change: ${test.result.errors?.[0]?.message}`);
      this.#usualMs = now() - this.#begun;
      if (this.#usualMs > MOST_MS) return this.#end(test);
      this.#queue = [...switches.hit].filter((id) => wanted.has(id) && !survived.has(`${id} ${this.#test}`));
      if (this.#sharesState) this.#queue = this.#queue.flatMap((id) => [id, ""]);
      this.#queue = ["", ...this.#queue];
    } else if (!isGood) return this.#end(test, "cannot be played twice");
    let next = this.#queue.shift();
    while (killed.has(next)) next = this.#queue.shift();
    if (next === undefined) return this.#end(test);
    switches.active = next;
    test.result.state = "fail";
    test.result.errors = [new Error("another change is tried")];
  }

  #end(test, trouble) {
    if (trouble !== undefined) note("trouble", this.#test, trouble);
    switches.active = "";
    switches.hit.clear();
    test.result.state = "pass";
    test.result.errors = undefined;
  }
}

/** What a change did to it would be held against the next one. */
function hasStateOfItsFile(test) {
  for (let suite = test.suite ?? test.file; suite !== undefined; suite = suite.suite)
    if (TestRunner.getSuiteHooks(suite)?.beforeAll?.length > 0) return true;
  return false;
}
