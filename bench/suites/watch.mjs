/**
 * Questions, each asked of our engine and of its rivals in turns within one run:
 *  1. how long from the creation of a file to the JavaScript callback, at several rates, and how many files arrive at all;
 *  2. are 50,000 files a second, and files as fast as they can be made, all seen;
 *  3. how long from the start on a large tree until a change anywhere is reported, and how much memory that takes;
 *  4. how much slower is the writer for being watched.
 *
 * Files are made in memory where /dev/shm is (a disk may not reach the rates, and hides what watching costs); `--folder` moves them.
 */
import { statfsSync } from "node:fs";
import { tmpdir } from "node:os";
import "../../scripts/load-ts.mjs";
import { gatherContenders } from "../rivals/contenders.mjs";
import { circumstances, writeResult } from "../support/report.mjs";
import { measureStage } from "./watch/rates.mjs";
import { growDirectories, measureSetup } from "./watch/setup.mjs";
import { NOBODY, ratiosOf, summarize, summarizeSetups } from "./watch/summary.mjs";
import { lineOf, reportOf, writeMarkdown } from "./watch/tables.mjs";

const { createTempFolder, removeTempFolders, seededRandom } = await import("../../test/support/temp-tree.ts");

export const about = "watchers compared: latency, loss, set-up, the writer's slowdown (8 min; --quick 1 min)";

export const options = {
  quick: { type: "boolean", default: false, help: "small numbers: shows that it works, not how fast" },
  runs: { type: "string", help: "default 3, quick 1" },
  directories: { type: "string", help: "of the tree for the set-up; default 100000, quick 10000" },
  seed: { type: "string", default: "1", help: "of that tree" },
  folder: { type: "string", help: "where files are made; default /dev/shm" },
  parts: { type: "string", default: "setup,rates", help: "setup, rates, or both" },
};

const FULL = { runs: 3, directories: 100_000, seconds: [3, 2, 2, 3], flatOut: 150_000, budgetSeconds: 450 };
const QUICK = { runs: 1, directories: 10_000, seconds: [0.3, 0.3, 0.2, 0.2], flatOut: 10_000, budgetSeconds: 50 };
/** Once is enough then. */
const SLOW_SETUP_MS = 10_000;
const RATES = [20, 1000, 10_000, 50_000];
const MEMORY_FOLDER = "/dev/shm";
const TMPFS_MAGIC = 0x01021994;
const LEAST_FREE_BYTES = 1e9;

function stagesOf({ seconds, flatOut }) {
  const paced = RATES.map((perSecond, at) => ({
    name: `${perSecond.toLocaleString("en")}/s`,
    perSecond,
    files: Math.round(perSecond * seconds[at]),
  }));
  return [...paced, { name: "flat out", perSecond: 0, files: flatOut }];
}

function memoryFolder() {
  try {
    const { type, bavail, bsize } = statfsSync(MEMORY_FOLDER);
    return type === TMPFS_MAGIC && bavail * bsize > LEAST_FREE_BYTES ? MEMORY_FOLDER : undefined;
  } catch {
    return undefined;
  }
}

/** Never longer than promised: what does not fit any more is left out, and said to be. */
function createBudget(seconds) {
  const begun = performance.now();
  const leftOut = [];
  return {
    leftOut,
    leaves(what) {
      if ((performance.now() - begun) / 1000 < seconds) return true;
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

async function measureRates(contenders, plan, folder, budget) {
  const samples = [];
  for (let turn = 1; turn <= plan.runs; turn++) {
    // The questions about loss first: they are the ones that must not be left out.
    for (const stage of stagesOf(plan).toReversed()) {
      for (const contender of stage.perSecond === 0 ? [{ name: NOBODY }, ...contenders] : contenders) {
        const what = `run ${turn}: ${stage.name}: ${contender.name}`;
        const hopeless = (one) => one.failed !== undefined && one.stage === stage.name && one.name === contender.name;
        if (samples.some(hopeless) || !budget.leaves(what)) continue;
        const watcher = contender.name === NOBODY ? undefined : contender;
        const sample = await attempt(what, () => measureStage(watcher, stage, folder));
        samples.push({ turn, stage: stage.name, name: contender.name, ...sample });
      }
    }
  }
  return samples;
}

export async function run(values) {
  const preset = values.quick ? QUICK : FULL;
  const plan = {
    ...preset,
    runs: Number(values.runs ?? preset.runs),
    directories: Number(values.directories ?? preset.directories),
  };
  const base = values.folder ?? memoryFolder() ?? tmpdir();
  process.env.FUSTOR_TEST_DIR = base;
  const budget = createBudget(plan.budgetSeconds);
  const setting = circumstances();
  const { contenders, skipped } = gatherContenders();
  for (const { name, reason } of skipped) say(`skipped: ${name}: ${reason}`);
  const parts = values.parts.split(",");
  try {
    const folder = createTempFolder("bench-watch");
    const seed = Number(values.seed);
    const setups = parts.includes("setup") ? await measureSetups(contenders, plan, seed, folder, budget) : [];
    const rates = parts.includes("rates") ? await measureRates(contenders, plan, folder, budget) : [];
    const stages = stagesOf(plan);
    const summary = { setups: summarizeSetups(setups), rates: summarize(rates, stages) };
    const result = { ...setting, plan, seed, folder: base, skipped, leftOut: budget.leftOut, summary };
    const report = reportOf(result, stages);
    say(`\n${report.text}`);
    const path = writeResult("watch", { ...result, ratios: ratiosOf(summary), samples: { setups, rates } });
    say(`\n${path}\n${writeMarkdown(report.markdown)}`);
  } finally {
    removeTempFolders();
  }
}
