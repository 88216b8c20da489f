/**
 * Question: are 50,000 files a second, each created and closed once, all shown to the receiver, and how long after the
 * last close is that done?
 *
 * The agent, the writer and the receiver are processes of their own. The receiver reads every body, notes which paths
 * it was shown, and discards it: its share of the machine is stated beside the agent's.
 */
import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import "../../scripts/load-ts.mjs";
import { makeDirectories, memoryFolder, startAgentBefore, untilAudited } from "../support/agent-run.mjs";
import { writePage } from "../support/chart.mjs";
import { nativeTool } from "../support/native-tools.mjs";
import { numberOption } from "../support/options.mjs";
import { cpuSeconds, peakBytes } from "../support/process-usage.mjs";
import { circumstances, median, whereOf, writeResult } from "../support/report.mjs";
import { readTimes } from "./watch/watcher-process.mjs";

const { formatColumns } = await import("../../test/support/convergence-table.ts");
const { createTempFolder, removeTempFolders } = await import("../../test/support/temp-tree.ts");

export const about = "50,000 files a second through to a receiver that counts the paths (1 min)";

export const options = {
  rate: { type: "string", default: "50000", help: "files a second" },
  seconds: { type: "string", default: "4", help: "of writing" },
  runs: { type: "string", default: "5", help: "times, each with a new agent" },
  dir: { type: "string", help: "where files are made; default /dev/shm" },
};

const DIRECTORIES = 100;
const QUIET_MS = 5000;
const SETTLE_MS = 60_000;

const execute = promisify(execFile);
const say = (line) => process.stdout.write(`${line}\n`);
const whole = (value) => Math.round(value).toLocaleString("en");

async function measure(count, rate) {
  const [folder, root] = [createTempFolder("bench"), createTempFolder("bench-tree")];
  makeDirectories(root, DIRECTORIES);
  const running = await startAgentBefore(root, { capacity: count, size: 0 });
  try {
    const { agent, sink } = running;
    await untilAudited(agent);
    const pids = { agentCpuSeconds: agent.pid(), sinkCpuSeconds: sink.pid };
    const cpu = () => Object.entries(pids).map(([name, pid]) => [name, cpuSeconds(pid)]);
    const before = Object.fromEntries(cpu());
    const times = join(folder, "closed");
    const numbers = [DIRECTORIES, 0, count, rate, 0].map(String);
    const { stdout } = await execute(nativeTool("pace"), [root, ...numbers, times]);
    const { seen, bodies, liveRows } = await sink.settle(count, QUIET_MS, SETTLE_MS);
    const used = Object.fromEntries(cpu().map(([name, seconds]) => [name, seconds - before[name]]));
    const [closed, arrived] = [readTimes(times), await sink.seenTimes(join(folder, "arrived"))];
    const last = arrived.reduce((most, at) => Math.max(most, at), 0);
    const status = await agent.status();
    const [source, pipe] = [status?.sources[0]?.status, status?.pipes[0]];
    return {
      files: count,
      seen,
      filesPerSecond: count / (Number(stdout) / 1e9),
      behindMs: Math.max(0, (last - closed.at(-1)) / 1e6),
      throughPerSecond: seen / ((last - (closed.at(-1) - Number(stdout))) / 1e9),
      rowsPerFile: liveRows / count,
      bodies,
      ...used,
      peakBytes: peakBytes(agent.pid()),
      overflows: source?.overflows,
      changesLost: pipe?.changesLost,
    };
  } finally {
    await running.end();
    removeTempFolders();
  }
}

const METRICS = [
  "filesPerSecond",
  "throughPerSecond",
  "behindMs",
  "rowsPerFile",
  "agentCpuSeconds",
  "sinkCpuSeconds",
  "peakBytes",
];

function summarize(samples) {
  const medians = METRICS.map((metric) => [metric, median(samples.map((sample) => sample[metric]))]);
  return {
    ...Object.fromEntries(medians),
    missing: samples.reduce((sum, { files, seen }) => sum + files - seen, 0),
    bestReached: Math.max(...samples.map(({ filesPerSecond }) => filesPerSecond)),
  };
}

const COLUMNS = [
  ["written", ({ filesPerSecond }) => `${whole(filesPerSecond)}/s`],
  ["files", ({ files }) => whole(files)],
  ["missing", ({ files, seen }) => whole(files - seen)],
  ["through", ({ throughPerSecond }) => `${whole(throughPerSecond)}/s`],
  ["behind the last close", ({ behindMs }) => `${behindMs.toFixed(0)} ms`],
  ["rows a file", ({ rowsPerFile }) => rowsPerFile.toFixed(2)],
  ["agent's CPU", ({ agentCpuSeconds }) => `${agentCpuSeconds.toFixed(2)} s`],
  ["receiver's CPU", ({ sinkCpuSeconds }) => `${sinkCpuSeconds.toFixed(2)} s`],
  ["agent's peak", (one) => `${(one.peakBytes / 1e6).toFixed(0)} MB`],
  ["overflows", ({ overflows }) => String(overflows ?? "-")],
];

const rowsOf = (samples) => [
  ["", ...COLUMNS.map(([name]) => name)],
  ...samples.map((sample, at) => [`run ${at + 1}`, ...COLUMNS.map(([, show]) => show(sample))]),
];

const targetRows = (targets) => [
  ["target", "", "measured", ""],
  ...targets.map((one) => [one.what, one.limitText, one.text, one.met ? "met" : "missed"]),
];

/** A writer that did not reach the rate proves nothing about it: 2 % for the start of its process. */
const REACHED = 0.98;

function judge(summary, rate, files) {
  const { filesPerSecond, missing } = summary;
  return [
    {
      what: "files a second offered",
      limitText: `at least ${whole(rate)}`,
      value: filesPerSecond,
      text: whole(filesPerSecond),
      met: filesPerSecond >= rate * REACHED,
    },
    {
      what: "paths the receiver never saw",
      limitText: `0 of ${whole(files)}`,
      value: missing,
      text: whole(missing),
      met: missing === 0,
    },
  ];
}

function pageOf(setting, samples, targets) {
  const bars = samples.flatMap((one, at) => [
    { label: `run ${at + 1}: written`, value: one.filesPerSecond, text: `${whole(one.filesPerSecond)}/s` },
    { label: "through", value: one.throughPerSecond, text: `${whole(one.throughPerSecond)}/s`, ours: true },
  ]);
  const sections = [
    { title: "Files a second", bars, rows: rowsOf(samples) },
    { title: "Targets", rows: targetRows(targets) },
  ];
  return { title: "Files through to the receiver", where: whereOf(setting), sections };
}

export async function run(values) {
  const rate = numberOption(values, "rate", 1);
  const seconds = numberOption(values, "seconds", 0.01);
  const runs = numberOption(values, "runs", 1);
  process.env.FUSTOR_TEST_DIR = values.dir ?? memoryFolder();
  const setting = circumstances();
  // Built now and not while something is measured.
  nativeTool("pace");
  const count = Math.max(1, Math.round(rate * seconds));
  const samples = [];
  try {
    for (let turn = 1; turn <= runs; turn++) {
      const sample = await measure(count, rate);
      samples.push(sample);
      say(
        `run ${turn}: ${whole(sample.filesPerSecond)}/s written, ${sample.seen} of ${count} shown, ${sample.behindMs.toFixed(0)} ms behind`,
      );
    }
    const summary = summarize(samples);
    const targets = judge(summary, rate, count * runs);
    say(`\n${formatColumns(rowsOf(samples))}\n\n${formatColumns(targetRows(targets))}`);
    const plan = { rate, seconds, runs, folder: process.env.FUSTOR_TEST_DIR };
    const path = writeResult("throughput", { ...setting, options: plan, summary, targets, samples });
    say(`\n${path}\n${writePage(path, pageOf(setting, samples, targets))}`);
  } finally {
    removeTempFolders();
  }
}
