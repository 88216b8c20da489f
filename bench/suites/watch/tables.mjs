/** The numbers for people: on stdout in columns, in bench/results/watch.md as Markdown. */
import { mkdirSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { greatestRates, ratiosOf } from "./summary.mjs";

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
    "mark",
    "primed",
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
          milliseconds(one.markMs),
          milliseconds(one.primedMs),
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
    "Time since the start, while files are made in random deep directories all the time. First report: of any of them. Mark: the file",
    "system is marked (fanotify, by the engine's own clock). Primed: every directory has its watch or is in the handle cache. Says ready:",
    "the library's own word. All seen from: every file made later came as a change (earlier ones are part of the first listing), and when the",
    "first of these was reported. Memory: of the process, and before it watched; the kernel's memory for watches is not in it.",
  ].join("\n");
  return { title, rows: [head, ...rows], note, bars: barsOf(setups, "coveredReportedMs", milliseconds) };
}

/** Those that have the number, as bars of a chart. */
function barsOf(list, metric, format) {
  const known = list.filter((one) => one[metric] > 0);
  if (known.length === 0) return undefined;
  return known.map((one) => ({
    label: one.name,
    value: one[metric],
    text: format(one[metric]),
    ours: one.name.startsWith("fustor"),
  }));
}

function latencyTable({ summary: { rates } }, stages) {
  const paced = stages.filter(({ perSecond }) => perSecond > 0);
  const names = [...new Set(rates.map(({ name }) => name))];
  const cell = (name, stage) => {
    const one = rates.find((each) => each.name === name && each.stage === stage.name);
    if (one === undefined) return "-";
    if (one.runs === 0) return one.failed;
    return `${milliseconds(one.p50Ms)} / ${milliseconds(one.p99Ms)}, ${shareSeen(one)}`;
  };
  const head = ["", ...paced.map(({ name }) => name)];
  const fastest = rates.filter(({ stage }) => stage === paced.at(-1)?.name);
  return {
    bars: barsOf(fastest, "p50Ms", (value) => `${milliseconds(value)} at ${paced.at(-1).name}`),
    title: `From creation to the callback: p50 / p99, files seen in the worst run${mediansOf(rates.filter(({ stage }) => paced.some(({ name }) => name === stage)))}`,
    rows: [head, ...names.map((name) => [name, ...paced.map((stage) => cell(name, stage))])],
  };
}

function lossTable({ summary: { rates } }, stages) {
  const last = stages.slice(-2).map(({ name }) => name);
  const shown = rates.filter(({ stage }) => last.includes(stage));
  const head = ["", "asked for", "files", "reached", "seen", "watcher's CPU", "trouble"];
  const rows = shown.map((one) => [
    one.name,
    one.stage,
    whole(one.files),
    one.filesPerSecond === undefined ? "-" : `${whole(one.filesPerSecond)}/s`,
    one.runs > 0 && one.leastSeen === one.files ? "all" : whole(one.leastSeen),
    number(one.watcherCpuSeconds, " s"),
    one.failed ?? one.trouble ?? "",
  ]);
  return { title: "Files created and closed: loss", rows: [head, ...rows] };
}

function greatestTable({ summary: { rates } }) {
  const flatOut = (name) => rates.find((one) => one.name === name && one.stage === "flat out");
  const isWritersLimit = (name) => flatOut(name)?.runs > 0 && flatOut(name).leastSeen === flatOut(name).files;
  const rows = greatestRates(rates).map(({ name, filesPerSecond }) => [
    name,
    isWritersLimit(name) ? `${whole(filesPerSecond)}/s, the writer can no more` : `${whole(filesPerSecond)}/s`,
  ]);
  const note =
    "Where the writer can no more, everything was seen also flat out: the number is that of the writer, and differences say nothing of watchers.";
  const bars = barsOf(greatestRates(rates), "filesPerSecond", (value) => `${whole(value)}/s`);
  return { title: "Greatest rate without loss", rows: [["", "files"], ...rows], note, bars };
}

function slowdownTable({ summary: { slowdowns } }) {
  const spread = ({ median, lower, upper }) => `${median.toFixed(2)} (${lower.toFixed(2)} to ${upper.toFixed(2)})`;
  const perFile = ({ watchedMicroseconds: watched, unwatchedMicroseconds: without }) =>
    `${watched.toFixed(1)} and ${without.toFixed(1)} us`;
  const rows = slowdowns.map((one) =>
    one.failed !== undefined
      ? [one.name, one.failed, "-", "-", "-"]
      : [one.name, spread(one.cpu), perFile(one), spread(one.wall), String(one.pairs)],
  );
  const note =
    "The writer's time with the watcher divided by its time without: median of the pairs and their middle half. For each file: the writer's CPU with and without.";
  const head = ["", "its CPU", "for each file", "its time", "pairs"];
  return { title: "What watching costs the writer", rows: [head, ...rows], note };
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
  if (sample.cpu !== undefined)
    return `writer's CPU x ${sample.cpu.median.toFixed(2)}, its time x ${sample.wall.median.toFixed(2)}, ${sample.pairs} pairs`;
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
    tables.push(
      latencyTable(result, stages),
      lossTable(result, stages),
      greatestTable(result),
      ratioTable(result, stages),
    );
  if (result.summary.slowdowns.length > 0) tables.push(slowdownTable(result));
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
    sections: tables.map(({ title, rows, note, bars }) => ({ title, rows, note, bars })),
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
