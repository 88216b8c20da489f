/**
 * Question: does the memory of the agent grow while files come, change, move and go without end?
 *
 * A writer works at a steady rate on a tree whose size stays about the same; the receiver reads and discards. The
 * agent's resident memory is sampled every second, and a straight line fitted through the samples after the warm-up:
 * its slope is the answer.
 */
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import "../../scripts/load-ts.mjs";
import { memoryFolder, startAgentBefore, untilAudited } from "../support/agent-run.mjs";
import { writePage } from "../support/chart.mjs";
import { numberOption } from "../support/options.mjs";
import { cpuSeconds, peakBytes, residentBytes } from "../support/process-usage.mjs";
import { circumstances, median, whereOf, writeResult } from "../support/report.mjs";
import { fitLine } from "../support/statistics.mjs";
import { WatcherProcess } from "./watch/watcher-process.mjs";

const { formatColumns } = await import("../../test/support/convergence-table.ts");
const { createTempFolder, removeTempFolders } = await import("../../test/support/temp-tree.ts");

export const about = "the agent's memory while files come, change, move and go (3 min; --minutes 60)";

export const options = {
  minutes: { type: "string", default: "3", help: "of writing" },
  rate: { type: "string", default: "500", help: "operations a second" },
  files: { type: "string", default: "20000", help: "files that live at any moment, about" },
  seed: { type: "string", default: "1", help: "of the operations" },
  dir: { type: "string", help: "where files are made; default /dev/shm" },
};

const WRITER = fileURLToPath(new URL("./churn/writer.mjs", import.meta.url));
const SAMPLE_MS = 1000;
/** Of the whole time; the first tables, buffers and code live their first minutes there. */
const WARM_UP_SHARE = 0.2;
const MOST_WARM_UP_MINUTES = 5;
const LEAST_POINTS = 3;

const say = (line) => process.stdout.write(`${line}\n`);
const megabytes = (bytes) => `${(bytes / 1e6).toFixed(1)} MB`;

async function sampleFor(running, writer, minutes) {
  const pid = running.agent.pid();
  const begun = performance.now();
  const samples = [];
  const sampleMs = Math.min(SAMPLE_MS, (minutes * 60_000) / 20);
  let told = 0;
  for (let at = 0; at < minutes; ) {
    await pause(sampleMs);
    at = (performance.now() - begun) / 60_000;
    samples.push([at, residentBytes(pid)]);
    if (at < told + 1) continue;
    told = Math.floor(at);
    const { operations } = await writer.ask({ do: "count" }, "count");
    say(`${told} min: ${megabytes(samples.at(-1)[1])}, ${operations} operations`);
  }
  return samples;
}

/** Kilobytes of 1000 bytes a minute. */
function slopeOf(samples, minutes) {
  const warm = Math.min(minutes * WARM_UP_SHARE, MOST_WARM_UP_MINUTES);
  const points = samples.filter(([at]) => at >= warm).map(([at, bytes]) => [at, bytes / 1000]);
  const enough = points.length >= LEAST_POINTS ? points : samples.map(([at, bytes]) => [at, bytes / 1000]);
  const { slope, slopeError } = fitLine(enough);
  const tenth = Math.max(1, Math.ceil(enough.length / 10));
  const middle = (some) => median(some.map(([, kilobytes]) => kilobytes * 1000));
  return {
    warmUpMinutes: warm,
    slopeKilobytesPerMinute: slope,
    slopeError,
    firstBytes: middle(enough.slice(0, tenth)),
    lastBytes: middle(enough.slice(-tenth)),
  };
}

function rowsOf(summary) {
  const { slopeKilobytesPerMinute: slope, slopeError } = summary;
  return [
    ["slope of the resident memory", `${slope.toFixed(1)} KB/min, standard error ${slopeError.toFixed(1)}`],
    ["first tenth, last tenth", `${megabytes(summary.firstBytes)}, ${megabytes(summary.lastBytes)}`],
    ["peak", megabytes(summary.peakBytes)],
    ["operations", `${summary.operations}, ${summary.operationsPerSecond.toFixed(0)} a second`],
    ["rows sent", String(summary.rowsSent)],
    ["agent's CPU", `${((summary.agentCpuSeconds / summary.seconds) * 100).toFixed(1)} % of a core`],
  ];
}

export async function run(values) {
  const minutes = numberOption(values, "minutes", 0.01);
  const rate = numberOption(values, "rate", 1);
  const files = numberOption(values, "files", 1);
  const seed = numberOption(values, "seed", 0);
  process.env.FUSTOR_TEST_DIR = values.dir ?? memoryFolder();
  const setting = circumstances();
  let running;
  let writer;
  try {
    const root = createTempFolder("bench-tree");
    writer = new WatcherProcess([process.execPath, WRITER, root, String(files), String(rate), String(seed)]);
    await writer.hear("grown", 120_000);
    running = await startAgentBefore(root, { capacity: 0, size: 0 });
    await untilAudited(running.agent);
    const cpuBefore = cpuSeconds(running.agent.pid());
    writer.tell({ do: "start" });
    const begun = performance.now();
    const samples = await sampleFor(running, writer, minutes);
    const seconds = (performance.now() - begun) / 1000;
    const { operations } = await writer.ask({ do: "count" }, "count");
    const status = await running.agent.status();
    const summary = {
      ...slopeOf(samples, minutes),
      seconds,
      operations,
      operationsPerSecond: operations / seconds,
      rowsSent: status?.pipes[0]?.rowsSent.message,
      changesLost: status?.pipes[0]?.changesLost,
      overflows: status?.sources[0]?.status.overflows,
      tableBytes: status?.sources[0]?.status.tableBytes,
      peakBytes: peakBytes(running.agent.pid()),
      agentCpuSeconds: cpuSeconds(running.agent.pid()) - cpuBefore,
    };
    const rows = rowsOf(summary);
    say(`\n${formatColumns(rows)}`);
    const plan = { minutes, rate, files, seed, folder: process.env.FUSTOR_TEST_DIR };
    const path = writeResult("churn", { ...setting, options: plan, summary, samples });
    const lines = { points: samples.map(([at, bytes]) => [at, bytes / 1e6]), x: "minutes", y: "MB resident" };
    const sections = [{ title: "Resident memory of the agent", lines, rows: [["", ""], ...rows] }];
    say(`\n${path}\n${writePage(path, { title: "Memory under churn", where: whereOf(setting), sections })}`);
  } finally {
    await writer?.end();
    await running?.end();
    removeTempFolders();
  }
}
