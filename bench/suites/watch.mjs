/**
 * Questions, each asked of our engine and of its rivals in turns within one run:
 *  1. how long from the creation of a file to the JavaScript callback, at several rates, and how many files arrive at all;
 *  2. are 50,000 files a second, and files as fast as they can be made, all seen; what is the greatest rate without loss;
 *  3. how long from the start on a large tree until a change anywhere is reported, and how much memory that takes;
 *  4. how much slower is the writer for being watched.
 *
 * Files are made in memory where /dev/shm is (a disk may not reach the rates, and hides what watching costs); `--dir` moves them.
 */
import "../../scripts/load-ts.mjs";
import { gatherContenders } from "../rivals/contenders.mjs";
import { memoryFolder } from "../support/agent-run.mjs";
import { writePage } from "../support/chart.mjs";
import { numberOption, textOption } from "../support/options.mjs";
import { circumstances, whereOf, writeResult } from "../support/report.mjs";
import { measureStage } from "./watch/rates.mjs";
import { growDirectories, measureSetup } from "./watch/setup.mjs";
import { measureSlowdown } from "./watch/slowdown.mjs";
import { greatestRates, ratiosOf, summarize, summarizeSetups } from "./watch/summary.mjs";
import { lineOf, reportOf, writeMarkdown } from "./watch/tables.mjs";

const { createTempFolder, removeTempFolders, seededRandom } = await import("../../test/support/temp-tree.ts");

export const about =
  "watchers compared: latency, loss, set-up, the writer's slowdown (4 min; --quick 1.5 min; --budget 900 for all of it)";

export const options = {
  quick: { type: "boolean", default: false, help: "small numbers: shows that it works, not how fast" },
  runs: { type: "string", help: "turns at most; default 3, quick 1" },
  directories: { type: "string", help: "of the tree for the set-up; default 100000, quick 10000" },
  seed: { type: "string", default: "1", help: "of that tree" },
  dir: { type: "string", help: "where files are made; default /dev/shm" },
  parts: { type: "string", default: "setup,rates,writer", help: "any of setup, rates, writer" },
  only: { type: "string", help: "watchers whose name holds one of these words" },
  budget: { type: "string", help: "seconds; what does not fit is left out and said to be; default 235, quick 90" },
};

const FULL = {
  ...{ runs: 3, directories: 100_000, seconds: [2, 1.5, 1.5, 1.5], flatOut: 100_000 },
  ...{ pairs: 15, blockFiles: 4000, budgetSeconds: 235 },
};
const QUICK = {
  ...{ runs: 1, directories: 10_000, seconds: [1, 0.5, 0.2, 0.2], flatOut: 10_000 },
  ...{ pairs: 5, blockFiles: 1000, budgetSeconds: 90 },
};
/** How the time is shared; what a part leaves over is for those after it. */
const SHARES = { setup: 0.4, rates: 0.48, writer: 0.12 };
/** Once is enough then. */
const SLOW_SETUP_MS = 10_000;
const RATES = [20, 1000, 10_000, 50_000];

function stagesOf({ seconds, flatOut }) {
  const paced = RATES.map((perSecond, at) => ({
    name: `${perSecond.toLocaleString("en")}/s`,
    perSecond,
    files: Math.round(perSecond * seconds[at]),
  }));
  return [...paced, { name: "flat out", perSecond: 0, files: flatOut }];
}

/** Never longer than promised: what does not fit any more is left out, and said to be. */
function createBudget(seconds, parts) {
  const begun = performance.now();
  const total = parts.reduce((sum, part) => sum + SHARES[part], 0);
  let allowed = 0;
  const leftOut = [];
  return {
    leftOut,
    /** The next part may use its share. */
    begin(part) {
      allowed += (SHARES[part] / total) * seconds;
    },
    leftSeconds: () => Math.max(0, allowed - (performance.now() - begun) / 1000),
    leaves(what) {
      if (this.leftSeconds() > 0) return true;
      leftOut.push(what);
      return false;
    },
  };
}

const say = (line) => process.stdout.write(`${line}\n`);

/** What one watcher cannot do is a result, too. */
async function attempt(what, measure) {
  try {
    const sample = await measure();
    say(`${what}: ${lineOf(sample)}`);
    return sample;
  } catch (error) {
    say(`${what}: ${error.message}`);
    return { failed: error.message };
  }
}

async function measureSetups(contenders, plan, seed, folder, budget) {
  const random = seededRandom(seed);
  const root = createTempFolder("bench-tree");
  say(`making ${plan.directories} directories (seed ${seed})`);
  const deep = growDirectories(root, plan.directories, random);
  const samples = [];
  for (let turn = 1; turn <= plan.runs; turn++) {
    for (const contender of contenders) {
      const what = `run ${turn}: set-up: ${contender.name}`;
      const earlier = samples.find(({ name }) => name === contender.name);
      if (earlier?.failed !== undefined || earlier?.readyMs > SLOW_SETUP_MS) continue;
      if (!budget.leaves(what)) continue;
      const sample = await attempt(what, () => measureSetup(contender, root, deep, random, folder));
      samples.push({ turn, name: contender.name, ...sample });
    }
  }
  return samples;
}

/** What must not be left out for lack of time: the rates of the latency targets, then whether the highest is seen as a whole. */
const FIRST_RATES = [1000, 20, 50_000];
function inUrgency(stages) {
  const rank = ({ perSecond }) => {
    const place = FIRST_RATES.indexOf(perSecond);
    return place < 0 ? FIRST_RATES.length : place;
  };
  return [...stages].sort((one, other) => rank(one) - rank(other));
}

async function measureRates(contenders, plan, folder, budget) {
  const samples = [];
  for (let turn = 1; turn <= plan.runs; turn++) {
    for (const stage of inUrgency(stagesOf(plan))) {
      for (const contender of contenders) {
        const what = `run ${turn}: ${stage.name}: ${contender.name}`;
        const hopeless = (one) => one.failed !== undefined && one.stage === stage.name && one.name === contender.name;
        if (samples.some(hopeless) || !budget.leaves(what)) continue;
        const sample = await attempt(what, () => measureStage(contender, stage, folder));
        samples.push({ turn, stage: stage.name, name: contender.name, ...sample });
      }
    }
  }
  return samples;
}

async function measureSlowdowns(contenders, plan, folder, budget) {
  const samples = [];
  for (const [at, contender] of contenders.entries()) {
    const what = `the writer beside ${contender.name}`;
    if (!budget.leaves(what)) continue;
    const until = performance.now() + (budget.leftSeconds() * 1000) / (contenders.length - at);
    const setting = { ...plan, leaves: () => performance.now() < until };
    samples.push({ name: contender.name, ...(await attempt(what, () => measureSlowdown(contender, setting, folder))) });
  }
  return samples;
}

const withoutRatios = ({ cpuRatios: _cpu, wallRatios: _wall, ...rest }) => rest;

export async function run(values) {
  const preset = values.quick ? QUICK : FULL;
  const chosen = (name, initial) => (values[name] === undefined ? initial : numberOption(values, name, 1));
  const plan = {
    ...preset,
    runs: chosen("runs", preset.runs),
    directories: chosen("directories", preset.directories),
    budgetSeconds: chosen("budget", preset.budgetSeconds),
  };
  const parts = textOption(values, "parts", Object.keys(SHARES));
  const base = values.dir ?? memoryFolder();
  process.env.FUSTOR_TEST_DIR = base;
  const budget = createBudget(plan.budgetSeconds, parts);
  const setting = circumstances();
  const { contenders, skipped } = gatherContenders(values.only);
  for (const { name, reason } of skipped) say(`skipped: ${name}: ${reason}`);
  const measurePart = async (part, measure) => {
    if (!parts.includes(part)) return [];
    budget.begin(part);
    return await measure();
  };
  try {
    const folder = createTempFolder("bench-watch");
    const seed = Number(values.seed);
    const setups = await measurePart("setup", () => measureSetups(contenders, plan, seed, folder, budget));
    const rates = await measurePart("rates", () => measureRates(contenders, plan, folder, budget));
    const slowdowns = await measurePart("writer", () => measureSlowdowns(contenders, plan, folder, budget));
    const stages = stagesOf(plan);
    const summary = {
      setups: summarizeSetups(setups),
      rates: summarize(rates, stages),
      greatest: greatestRates(summarize(rates, stages)),
      slowdowns: slowdowns.map(withoutRatios),
    };
    const result = { ...setting, plan, seed, folder: base, skipped, leftOut: budget.leftOut, summary };
    const report = reportOf(result, stages);
    say(`\n${report.text}`);
    const path = writeResult("watch", { ...result, ratios: ratiosOf(summary), samples: { setups, rates, slowdowns } });
    const page = writePage(path, { title: "Watching a tree", where: whereOf(setting), sections: report.sections });
    say(`\n${path}\n${page}\n${writeMarkdown(report.markdown)}`);
  } finally {
    removeTempFolders();
  }
}
