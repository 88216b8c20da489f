/**
 * Question: how long from the start of the agent until Fusion shows the whole tree, and what does that cost the agent? And
 * what does it cost to watch the tree afterwards, when nothing happens?
 *
 * Ours runs against the embedded Fusion. When .interop/ is there, ours and the Python agent run against the real Fusion, too,
 * in turns within one run. The real Fusion takes in some 40,000 rows/s: there the wall time is Fusion's, the cost is the agent's.
 */
import { existsSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import "../../scripts/load-ts.mjs";
import { writePage } from "../support/chart.mjs";
import { chosenBy, numberOption } from "../support/options.mjs";
import { cpuSeconds, peakBytes, residentBytes } from "../support/process-usage.mjs";
import { circumstances, median, whereOf, writeResult } from "../support/report.mjs";

const { createOurAgent } = await import("../../test/support/agent-process.ts");
const { killChildren } = await import("../../test/support/child-process.ts");
const { formatColumns } = await import("../../test/support/convergence-table.ts");
const { createEmbeddedFusion } = await import("../../test/support/embedded-fusion.ts");
const { createPythonAgent } = await import("../../test/support/python-agent.ts");
const { createRealFusion } = await import("../../test/support/real-fusion.ts");
const { createTempFolder, growTree, removeTempFolders } = await import("../../test/support/temp-tree.ts");
const { compareNow, describeComparison } = await import("../../test/support/tree-compare.ts");
const { readDisk } = await import("../../test/support/disk-tree.ts");
const { waitFor } = await import("../../test/support/wait-for.ts");

export const about =
  "from the start to the complete view, beside the Python agent on the real Fusion (4 min; --runs 5 --idle 30: 10 min)";

export const options = {
  files: { type: "string", default: "100000", help: "files of the tree" },
  runs: { type: "string", default: "3", help: "turns" },
  seed: { type: "string", default: "1", help: "of the tree" },
  dir: { type: "string", help: "where the tree is made (default: the temporary folder)" },
  only: { type: "string", help: "contenders whose name holds one of these words" },
  idle: { type: "string", default: "8", help: "seconds of watching nothing; 0 leaves it out" },
};

const COMPLETE_MS = 180_000;
/** From the complete view to the beginning of the idle time. */
const CALM_MS = 5000;

const interop = (part) => existsSync(new URL(`../../.interop/${part}/bin`, import.meta.url));

function contenders() {
  const all = [{ name: "fustor-agent, embedded Fusion", fusion: createEmbeddedFusion, agent: createOurAgent }];
  if (!interop("fusion")) return all;
  all.push({ name: "fustor-agent, real Fusion", fusion: createRealFusion, agent: createOurAgent });
  if (interop("agent"))
    all.push({ name: "Python agent, real Fusion", fusion: createRealFusion, agent: createPythonAgent });
  return all;
}

async function untilComplete(view, entries) {
  let last = 0;
  const look = async () => {
    last = await view.itemCount().catch(() => 0);
    return last >= entries;
  };
  await waitFor(look, {
    timeoutMs: COMPLETE_MS,
    intervalMs: 20,
    what: () => `${last} of ${entries} entries in the view`,
  });
}

async function idleShare(pid, seconds) {
  await pause(CALM_MS);
  const before = cpuSeconds(pid);
  await pause(seconds * 1000);
  return (cpuSeconds(pid) - before) / seconds;
}

async function measure({ fusion: createFusion, agent: createAgent }, root, entries, idleSeconds) {
  try {
    const fusion = await createFusion();
    await fusion.start();
    const agent = createAgent({ root, receiver: fusion.receiver });
    const begun = performance.now();
    agent.start();
    await untilComplete(fusion.view, entries);
    const wallSeconds = (performance.now() - begun) / 1000;
    const sample = { wallSeconds, cpuSeconds: cpuSeconds(agent.pid()) };
    const comparison = describeComparison(await compareNow(fusion.view, root)).split("\n")[0];
    if (idleSeconds > 0) sample.idleShare = await idleShare(agent.pid(), idleSeconds);
    sample.residentBytes = residentBytes(agent.pid());
    sample.peakBytes = peakBytes(agent.pid());
    await agent.terminate();
    return { ...sample, comparison };
  } finally {
    await killChildren();
  }
}

const METRICS = ["wallSeconds", "cpuSeconds", "peakBytes", "idleShare", "residentBytes"];

function mediansOf(samples) {
  const present = METRICS.filter((metric) => samples.every((sample) => sample[metric] !== undefined));
  return Object.fromEntries(present.map((metric) => [metric, median(samples.map((sample) => sample[metric]))]));
}

const megabytes = (bytes) => `${(bytes / 1e6).toFixed(0)} MB`;

function tableOf(medians) {
  const head = ["", "wall", "CPU", "peak memory", "idle CPU", "memory then", "view"];
  const rows = medians.map(({ name, comparison, ...values }) => [
    name,
    `${values.wallSeconds.toFixed(2)} s`,
    `${values.cpuSeconds.toFixed(2)} s`,
    megabytes(values.peakBytes),
    values.idleShare === undefined ? "-" : `${(values.idleShare * 100).toFixed(2)} %`,
    megabytes(values.residentBytes),
    comparison,
  ]);
  return [head, ...rows];
}

function pageOf(setting, entries, medians) {
  const bars = medians.map(({ name, cpuSeconds: value }) => ({
    label: name,
    value,
    text: `${value.toFixed(2)} s of CPU`,
    ours: !name.startsWith("Python"),
  }));
  const sections = [{ title: `${entries} entries`, bars, rows: tableOf(medians) }];
  return { title: "From the start to a complete view", where: whereOf(setting), sections };
}

/** Ours divided by the rival's, on the same Fusion: below 1 is better. */
function ratiosOf(medians) {
  const ours = medians.find(({ name }) => name === "fustor-agent, real Fusion");
  const rival = medians.find(({ name }) => name.startsWith("Python"));
  if (ours === undefined || rival === undefined) return undefined;
  const shared = METRICS.filter((metric) => ours[metric] !== undefined && rival[metric] > 0);
  return Object.fromEntries(shared.map((metric) => [metric, ours[metric] / rival[metric]]));
}

export async function run(values) {
  const [files, runs] = [numberOption(values, "files", 1), numberOption(values, "runs", 1)];
  const [seed, idleSeconds] = [numberOption(values, "seed", 0), numberOption(values, "idle", 0)];
  const everybody = contenders();
  const isChosen = chosenBy(
    values.only,
    everybody.map(({ name }) => name),
  );
  const chosen = everybody.filter(({ name }) => isChosen(name));
  const setting = circumstances();
  const root = createTempFolder("bench");
  try {
    process.stdout.write(`growing ${files} files (seed ${seed})\n`);
    growTree(root, { seed, files });
    const entries = readDisk(root).size;
    const all = chosen.map((contender) => ({ ...contender, samples: [] }));
    for (let turn = 1; turn <= runs; turn++) {
      for (const contender of all) {
        const sample = await measure(contender, root, entries, idleSeconds);
        contender.samples.push(sample);
        const { wallSeconds, cpuSeconds: cpu, comparison } = sample;
        process.stdout.write(
          `run ${turn}: ${contender.name}: ${wallSeconds.toFixed(2)} s, CPU ${cpu.toFixed(2)} s, ${comparison}\n`,
        );
      }
    }
    const medians = all.map(({ name, samples }) => {
      const unequal = samples.find(({ comparison }) => comparison !== "equal");
      return { name, ...mediansOf(samples), comparison: unequal?.comparison ?? "equal" };
    });
    const ratios = ratiosOf(medians);
    process.stdout.write(`\n${entries} entries, medians of ${runs}\n\n${formatColumns(tableOf(medians))}\n`);
    if (ratios !== undefined) {
      const parts = Object.entries(ratios).map(([metric, ratio]) => `${metric} ${ratio.toFixed(2)}`);
      process.stdout.write(`\nours / Python agent on the real Fusion: ${parts.join(", ")}\n`);
    }
    const samples = all.map(({ name, samples: taken }) => ({ name, samples: taken }));
    const path = writeResult("end-to-end", {
      ...setting,
      options: { files, runs, seed, idleSeconds },
      entries,
      medians,
      ratios,
      samples,
    });
    process.stdout.write(`\n${path}\n${writePage(path, pageOf(setting, entries, medians))}\n`);
  } finally {
    removeTempFolders();
  }
}
