/**
 * Question: how long from the moment a file was closed until the receiver has the body that shows it? And how much
 * longer while the same agent sends a snapshot of a large tree?
 *
 * One agent watches a tree; a writer makes files at a steady rate, in segments that alternate: nothing else going on,
 * and snapshots one after another. The agent, the writer and the receiver are processes of their own. In the segments
 * with snapshots only files count that were closed while one was being sent. A ratio is that of two neighbouring
 * segments.
 */
import { execFile } from "node:child_process";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { promisify } from "node:util";
import "../../scripts/load-ts.mjs";
import { makeDirectories, memoryFolder, startAgentBefore, untilAudited } from "../support/agent-run.mjs";
import { writePage } from "../support/chart.mjs";
import { nativeTool } from "../support/native-tools.mjs";
import { numberOption } from "../support/options.mjs";
import { cpuSeconds } from "../support/process-usage.mjs";
import { circumstances, median, whereOf, writeResult } from "../support/report.mjs";
import { quantile } from "../support/statistics.mjs";
import { readTimes } from "./watch/watcher-process.mjs";

const { formatColumns } = await import("../../test/support/convergence-table.ts");
const { createTempFolder, growTree, removeTempFolders } = await import("../../test/support/temp-tree.ts");

export const about = "from a closed file to the body at the receiver, alone and beside a snapshot (3 min)";

export const options = {
  files: { type: "string", default: "200000", help: "files of the tree whose snapshots are sent" },
  rate: { type: "string", default: "1000", help: "files a second" },
  seconds: { type: "string", default: "8", help: "of each segment" },
  runs: { type: "string", default: "5", help: "pairs of segments" },
  seed: { type: "string", default: "1", help: "of the tree" },
  dir: { type: "string", help: "where the tree is made; default /dev/shm" },
};

const DIRECTORIES = 100;
const SIZE_BYTES = 64;
const WARM_UP_SECONDS = 2;
const QUIET_MS = 2000;
const SETTLE_MS = 20_000;
/** After the last snapshot of a segment. */
const CALM_MS = 500;
/** Short, as an agent sends one snapshot that is asked for in each session timeout. */
const SESSION_SECONDS = 2;
const TARGETS = { p50Ms: 5, p99Ms: 25, p99Ratio: 2 };

const LEAST = [
  ["files", 1],
  ["rate", 1],
  ["seconds", 0.1],
  ["runs", 1],
  ["seed", 0],
];

const execute = promisify(execFile);
const say = (line) => process.stdout.write(`${line}\n`);
const milliseconds = (value) => (value === undefined ? "-" : `${value.toFixed(2)} ms`);

/** `inside` tells which files count. */
function latencyOf(closed, arrived, inside) {
  const late = [];
  let lost = 0;
  for (const [file, at] of closed.entries()) {
    if (arrived[file] === 0) lost++;
    else if (inside(at)) late.push((arrived[file] - at) / 1e6);
  }
  late.sort((one, other) => one - other);
  return {
    files: closed.length,
    lost,
    counted: late.length,
    p50Ms: quantile(late, 0.5),
    p99Ms: quantile(late, 0.99),
    maxMs: late.at(-1),
  };
}

async function write(stage, count) {
  const times = join(stage.folder, "closed");
  const numbers = [DIRECTORIES, stage.next, count, stage.rate, SIZE_BYTES].map(String);
  const { stdout } = await execute(nativeTool("pace"), [join(stage.root, "live"), ...numbers, times]);
  return { closed: readTimes(times), filesPerSecond: count / (Number(stdout) / 1e9) };
}

async function measureSegment(stage, snapshots) {
  const { sink, agent } = stage.running;
  const count = Math.max(1, Math.round(stage.rate * stage.seconds));
  await sink.ask({ do: "snapshots", on: snapshots }, "snapshots");
  const before = cpuSeconds(agent.pid());
  const { closed, filesPerSecond } = await write(stage, count);
  const { snapshots: spans } = await sink.ask({ do: "snapshots", on: false }, "snapshots");
  stage.next += count;
  await sink.settle(stage.next, QUIET_MS, SETTLE_MS);
  const cpu = cpuSeconds(agent.pid()) - before;
  const arrived = (await sink.seenTimes(join(stage.folder, "arrived"))).subarray(stage.next - count, stage.next);
  const inside = snapshots ? (at) => spans.some(([from, to]) => from <= at && at <= to) : () => true;
  await pause(CALM_MS);
  const sample = { filesPerSecond, agentCpuSeconds: cpu, ...latencyOf(closed, arrived, inside) };
  return snapshots ? { ...sample, snapshots: spans.length } : sample;
}

function summarize(samples) {
  const metrics = ["p50Ms", "p99Ms", "maxMs", "filesPerSecond", "agentCpuSeconds", "counted", "snapshots"];
  const of = (metric) => samples.map((sample) => sample[metric]).filter((value) => value !== undefined);
  const medians = metrics.filter((metric) => of(metric).length > 0).map((metric) => [metric, median(of(metric))]);
  return { ...Object.fromEntries(medians), lost: samples.reduce((sum, { lost }) => sum + lost, 0) };
}

function judge({ alone, beside, p99Ratios }) {
  const ratios = p99Ratios.filter((ratio) => Number.isFinite(ratio));
  const p99Ratio = ratios.length > 0 ? median(ratios) : undefined;
  const lost = alone.lost + beside.lost;
  return [
    { what: "p50 from close to body", limit: TARGETS.p50Ms, value: alone.p50Ms, met: alone.p50Ms <= TARGETS.p50Ms },
    { what: "p99 from close to body", limit: TARGETS.p99Ms, value: alone.p99Ms, met: alone.p99Ms <= TARGETS.p99Ms },
    {
      what: "p99 beside a snapshot / alone",
      limit: TARGETS.p99Ratio,
      value: p99Ratio,
      met: p99Ratio <= TARGETS.p99Ratio,
    },
    { what: "files that never arrived", limit: 0, value: lost, met: lost === 0 },
  ];
}

const targetRow = ({ what, limit, value, met }) => [
  what,
  String(limit),
  value?.toFixed(2) ?? "-",
  value === undefined ? "not measured" : met ? "met" : "missed",
];

function print({ alone, beside }, targets, runs) {
  const head = ["", "p50", "p99", "max", "files/s", "counted", "lost", "agent's CPU"];
  const line = (name, one) => [
    name,
    ...[one.p50Ms, one.p99Ms, one.maxMs].map(milliseconds),
    (one.filesPerSecond ?? 0).toFixed(0),
    String(one.counted),
    String(one.lost),
    `${one.agentCpuSeconds.toFixed(2)} s`,
  ];
  say(`\nFrom the close of a file to the body at the receiver, medians of ${runs} segments\n`);
  say(formatColumns([head, line("alone", alone), line("beside snapshots", beside)]));
  if (beside.counted === 0) say("No file was closed while a snapshot was sent: give more --seconds or --files.");
  say(`\n${formatColumns([["target", "at most", "measured", ""], ...targets.map(targetRow)])}`);
}

function pageOf(setting, summary, targets) {
  const parts = [
    ["alone", summary.alone],
    ["beside snapshots", summary.beside],
  ];
  const bars = parts.flatMap(([name, one]) => [
    { label: `${name}, p50`, value: one.p50Ms ?? 0, text: milliseconds(one.p50Ms), ours: true },
    { label: `${name}, p99`, value: one.p99Ms ?? 0, text: milliseconds(one.p99Ms) },
  ]);
  const rows = [["target", "at most", "measured", ""], ...targets.map(targetRow)];
  const title = "From a closed file to the body at the receiver";
  return { title, where: whereOf(setting), sections: [{ title: "Latency", bars, rows }] };
}

export async function run(values) {
  const [files, rate, seconds, runs, seed] = LEAST.map(([name, least]) => numberOption(values, name, least));
  process.env.FUSTOR_TEST_DIR = values.dir ?? memoryFolder();
  const setting = circumstances();
  // Built now and not while something is measured.
  nativeTool("pace");
  let running;
  try {
    const [folder, root] = [createTempFolder("bench"), createTempFolder("bench-tree")];
    say(`growing ${files} files in ${root} (seed ${seed})`);
    growTree(join(root, "tree"), { seed, files, maxSizeBytes: 0 });
    makeDirectories(join(root, "live"), DIRECTORIES);
    const capacity = Math.ceil(rate * (2 * runs * seconds + WARM_UP_SECONDS)) + 2 * runs + 2;
    // Audits would run in segments that are to be free of them.
    const pipe = { audit_interval_sec: 0 };
    running = await startAgentBefore(root, { capacity, size: SIZE_BYTES, sessionSeconds: SESSION_SECONDS, pipe });
    await untilAudited(running.agent);
    const stage = { running, root, folder, rate, seconds: Math.min(seconds, WARM_UP_SECONDS), next: 0 };
    await measureSegment(stage, false);
    stage.seconds = seconds;
    const samples = [];
    for (let turn = 1; turn <= runs; turn++) {
      for (const snapshots of [false, true]) {
        const sample = await measureSegment(stage, snapshots);
        samples.push({ turn, beside: snapshots, ...sample });
        const what = snapshots ? `beside ${sample.snapshots} snapshots` : "alone";
        say(
          `run ${turn}: ${what}: p50 ${milliseconds(sample.p50Ms)}, p99 ${milliseconds(sample.p99Ms)}, ${sample.lost} lost`,
        );
      }
    }
    const of = (beside) => samples.filter((sample) => sample.beside === beside);
    const p99Ratios = of(true).map((sample, at) => sample.p99Ms / of(false)[at].p99Ms);
    const summary = { alone: summarize(of(false)), beside: summarize(of(true)), p99Ratios };
    const targets = judge(summary);
    print(summary, targets, runs);
    const plan = { files, rate, seconds, runs, seed, folder: process.env.FUSTOR_TEST_DIR };
    const path = writeResult("latency", { ...setting, options: plan, summary, targets, samples });
    say(`\n${path}\n${writePage(path, pageOf(setting, summary, targets))}`);
  } finally {
    await running?.end();
    removeTempFolders();
  }
}
