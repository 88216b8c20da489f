/** The numbers for people: on stdout in columns, in bench/results/watch.md as Markdown. */
import { mkdirSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { NOBODY, ratiosOf, slowdownOf } from "./summary.mjs";

const { formatColumns } = await import("../../../test/support/convergence-table.ts");
const MARKDOWN = fileURLToPath(new URL("../../results/watch.md", import.meta.url));

const digits = (value) => (value < 10 ? 2 : value < 100 ? 1 : 0);
const number = (value, unit = "") => (value === undefined ? "-" : `${value.toFixed(digits(value))}${unit}`);
const milliseconds = (value) => (value >= 999.5 ? `${(value / 1000).toFixed(2)} s` : number(value, " ms"));
const megabytes = (bytes) => (bytes === undefined ? "-" : `${(bytes / 1e6).toFixed(0)} MB`);
const whole = (value) => (value === undefined ? "-" : Math.round(value).toLocaleString("en"));

/** Rounded down: what is not all must not look like it. */
function shareSeen({ leastSeen, files }) {
  if (leastSeen === undefined) return "-";
  return leastSeen === files ? "all" : `${(Math.floor((leastSeen / files) * 1000) / 10).toFixed(1)} %`;
}

/** Runs that gave a number: fewer than were asked for when the time was up, or when one was enough. */
function mediansOf(lines) {
  const runs = lines.map((one) => one.runs).filter((count) => count > 0);
  const [least, most] = [Math.min(...runs), Math.max(...runs)];
  if (most === 1) return ", one run";
  return least === most ? `, medians of ${most} runs` : `, medians of ${least} to ${most} runs`;
}

function setupTable({ summary: { setups }, plan }) {
  const head = [
    "",
    "first report",
    "says ready",
    "all seen from",
    "reported",
    "missed after ready",
    "memory",
    "before",
  ];
  const rows = setups.map((one) =>
    one.failed !== undefined
      ? [one.name, one.failed, ...head.slice(2).map(() => "-")]
      : [
          one.name,
          milliseconds(one.firstReportedMs),
          milliseconds(one.readyMs),
          milliseconds(one.coveredFromMs),
          milliseconds(one.coveredReportedMs),
          String(one.missedAfterReady),
          megabytes(one.residentBytes),
          megabytes(one.bytesBefore),
        ],
  );
  const title = `Set-up on ${whole(plan.directories)} directories${mediansOf(setups)}`;
  const note = [
    "Milliseconds since the start, while files are made in random deep directories all the time. First report: of any of them; with",
    "fanotify this is the mark. Says ready: the library's own word; with fanotify the end of the pass that primes the handle cache and",
    "fills the table. All seen from: every file made later came as a change (earlier ones are part of the first listing), and when the",
    "first of these was reported. Memory: of the process, and before it watched; the kernel's memory for watches is not in it.",
  ].join("\n");
  return { title, rows: [head, ...rows], note };
}

function latencyTable({ summary: { rates } }, stages) {
  const paced = stages.filter(({ perSecond }) => perSecond > 0);
  const names = [...new Set(rates.map(({ name }) => name))].filter((name) => name !== NOBODY);
  const cell = (name, stage) => {
    const one = rates.find((each) => each.name === name && each.stage === stage.name);
    if (one === undefined) return "-";
    if (one.runs === 0) return one.failed;
    return `${milliseconds(one.p50Ms)} / ${milliseconds(one.p99Ms)}, ${shareSeen(one)}`;
  };
  const head = ["", ...paced.map(({ name }) => name)];
  return {
    title: `From creation to the callback: p50 / p99, files seen in the worst run${mediansOf(rates.filter(({ stage }) => paced.some(({ name }) => name === stage)))}`,
    rows: [head, ...names.map((name) => [name, ...paced.map((stage) => cell(name, stage))])],
  };
}

function lossTable({ summary: { rates } }, stages) {
  const last = stages.slice(-2).map(({ name }) => name);
  const shown = rates.filter(({ stage }) => last.includes(stage));
  const head = ["", "asked for", "files", "reached", "seen", "writer", "writer / alone", "watcher's CPU", "trouble"];
  const rows = shown.map((one) => [
    one.name,
    one.stage,
    whole(one.files),
    one.filesPerSecond === undefined ? "-" : `${whole(one.filesPerSecond)}/s`,
    one.runs > 0 && one.leastSeen === one.files ? "all" : whole(one.leastSeen),
    number(one.writerSeconds, " s"),
    number(slowdownOf(rates, one)),
    number(one.watcherCpuSeconds, " s"),
    one.failed ?? one.trouble ?? "",
  ]);
  return { title: "Files created and closed: loss, and what watching costs the writer", rows: [head, ...rows] };
}

function ratioTable({ summary }, stages) {
  const { rates: ratios } = ratiosOf(summary);
  const names = [...new Set(ratios.map(({ name }) => name))];
  const cell = (name, stage) => number(ratios.find((one) => one.name === name && one.stage === stage.name)?.p50Ms);
  const paced = stages.filter(({ perSecond }) => perSecond > 0);
  return {
    title: "p50 divided by that of fustor with inotify",
    rows: [["", ...paced.map(({ name }) => name)], ...names.map((name) => [name, ...paced.map((s) => cell(name, s))])],
  };
}

/** One measurement, for those who wait. */
export function lineOf(sample) {
  if (sample.readyMs !== undefined)
    return `ready ${milliseconds(sample.readyMs)}, all seen from ${milliseconds(sample.coveredFromMs)}, ${megabytes(sample.residentBytes)}`;
  const writing = `${whole(sample.filesPerSecond)}/s`;
  if (sample.seen === undefined) return writing;
  return `${writing}, p50 ${milliseconds(sample.p50Ms)}, p99 ${milliseconds(sample.p99Ms)}, ${sample.seen} of ${sample.files}`;
}

function markdownTable([head, ...rows]) {
  const line = (cells) => `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line)].join("\n");
}

export function reportOf(result, stages) {
  const tables = [];
  if (result.summary.setups.length > 0) tables.push(setupTable(result));
  if (result.summary.rates.length > 0)
    tables.push(latencyTable(result, stages), lossTable(result, stages), ratioTable(result, stages));
  const { machine, date, commit, modified, folder, skipped, leftOut } = result;
  const where = [
    `${date.slice(0, 10)}, ${machine.cpu}, ${machine.cores} cores, Linux ${machine.kernel}, Node ${machine.node}`,
    `commit ${commit.slice(0, 12)}${modified ? " with changes" : ""}, files in ${folder}, load before ${machine.loadBefore.toFixed(2)}`,
    ...skipped.map(({ name, reason }) => `skipped: ${name}: ${reason}`),
    ...(leftOut.length > 0
      ? [`left out for lack of time: ${leftOut.length} measurements from "${leftOut[0]}" on`]
      : []),
  ];
  const notes = (one, prefix) => (one.note === undefined ? "" : `${prefix}${one.note}\n`);
  const text = tables.map((one) => `${one.title}\n\n${formatColumns(one.rows)}\n${notes(one, "\n")}`);
  const markdown = tables.map((one) => `### ${one.title}\n\n${markdownTable(one.rows)}\n${notes(one, "\n")}`);
  return {
    text: [...text, where.join("\n")].join("\n"),
    markdown: `${[where.join("  \n"), ...markdown].join("\n\n").trim()}\n`,
  };
}

/** Resolves with the path of the file. */
export function writeMarkdown(markdown) {
  mkdirSync(new URL(".", `file://${MARKDOWN}`), { recursive: true });
  writeFileSync(MARKDOWN, markdown);
  return MARKDOWN;
}
