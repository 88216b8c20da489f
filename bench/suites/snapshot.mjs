/**
 * Question: what does the whole way of a snapshot cost, from the disk to the body at a receiver that reads and
 * discards?
 *
 * In the same rounds: the engine without Node, the scan through Node, and the agent as a process of its own in front of
 * a sink in another: its first snapshot (from the start of the process on, so the watch is armed and its table filled,
 * too), a later one, which comes out of the table, and one under a `fields_mapping`. The rest of the memory is what the
 * agent holds at its peak beyond an idle agent's and beyond the tree table.
 */
import { utimesSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import "../../scripts/load-ts.mjs";
import { growCorpus, ownTree, SHAPES } from "../corpora/corpus.mjs";
import { BARE, OURS, scanners } from "../rivals/scanners.mjs";
import { startAgentBefore, untilAudited } from "../support/agent-run.mjs";
import { writePage } from "../support/chart.mjs";
import { measureCommand } from "../support/measure.mjs";
import { numberOption, textOption } from "../support/options.mjs";
import { cpuSeconds, peakBytes, residentBytes } from "../support/process-usage.mjs";
import { circumstances, whereOf, writeResult } from "../support/report.mjs";
import { inRounds, mediansOf, pairedRatio, verdictOf } from "../support/rounds.mjs";
import { megabytes, ratioText, seconds, thousands } from "../support/text.mjs";

const { formatColumns } = await import("../../test/support/convergence-table.ts");
const { removeTempFolders } = await import("../../test/support/temp-tree.ts");

export const about = "the whole way of a snapshot to a receiver that discards it (2 min)";

export const options = {
  files: { type: "string", default: "300000", help: "files of the tree" },
  shape: { type: "string", default: "mixed", help: SHAPES.join(", ") },
  runs: { type: "string", default: "5", help: "rounds that count" },
  seed: { type: "string", default: "1", help: "of the tree" },
  dir: { type: "string", help: "where the tree is made (default: the temporary folder)" },
  tree: { type: "string", help: "your own tree instead, which is only read; later snapshots are left out" },
  "time-limit": { type: "string", default: "240", help: "seconds in all" },
};

const FIRST = "fustor, first snapshot";
const LATER = "fustor, later snapshot";
const MAPPED = "fustor, later snapshot, fields_mapping";
/** Later snapshot / bare scan, at most. */
const WHOLE_WAY = 1.5;
/** On a smaller tree the start of a snapshot weighs more than its rows. */
const LEAST_ENTRIES = 200_000;
/** Beyond an idle agent and the tree table, at most. */
const MEMORY_BYTES = 30e6;
const CALM_MS = 500;

/** A rename, a nested target, a conversion and a constant. */
const MAPPING = [
  { to: "path", source: ["path"] },
  { to: "name", source: ["file_name"] },
  { to: "facts.bytes", source: ["size:string"] },
  { to: "modified_time", source: ["modified_time"] },
  { to: "site", hardcoded_value: "bench" },
];

async function scannerSample(name, tree, leftSeconds) {
  const { command } = scanners.find((one) => one.name === name);
  return measureCommand(command(tree.root), { timeLimitSeconds: Math.ceil(leftSeconds), speaks: true });
}

async function tableBytesOf(agent) {
  const status = await agent.status();
  return status?.sources[0]?.status.tableBytes ?? 0;
}

async function firstSnapshot(tree) {
  const running = await startAgentBefore(tree.root, { capacity: 0, size: 0 });
  try {
    const pid = running.agent.pid();
    const sample = {
      seconds: running.snapshotSeconds,
      wallSeconds: running.snapshotSeconds,
      cpuSeconds: cpuSeconds(pid),
    };
    return { ...sample, peakBytes: peakBytes(pid), tableBytes: await tableBytesOf(running.agent) };
  } finally {
    await running.end();
  }
}

/** The receiver asks for a snapshot in its answer to the next live change; the clock runs from that change on. */
async function laterSnapshot(tree, pipe) {
  const running = await startAgentBefore(tree.root, { capacity: 0, size: 0, pipe });
  const { agent, sink } = running;
  try {
    const pid = agent.pid();
    await untilAudited(agent);
    await pause(CALM_MS);
    const before = cpuSeconds(pid);
    const { snapshotEnds } = await sink.ask({ do: "count" }, "count");
    await sink.ask({ do: "snapshots", on: true }, "snapshots");
    const begun = performance.now();
    const now = new Date();
    utimesSync(tree.root, now, now);
    while ((await sink.ask({ do: "count" }, "count")).bodies === 0) await pause(1);
    while ((await sink.ask({ do: "count" }, "count")).snapshotEnds === snapshotEnds) await pause(2);
    const wallSeconds = (performance.now() - begun) / 1000;
    const sample = { seconds: wallSeconds, wallSeconds, cpuSeconds: cpuSeconds(pid) - before };
    return { ...sample, peakBytes: peakBytes(pid), tableBytes: await tableBytesOf(agent) };
  } finally {
    await running.end();
  }
}

/** What an agent holds that has nothing to watch. */
async function idleBytes() {
  const empty = await mkdtemp(join(tmpdir(), "fustor-bench-empty-"));
  try {
    const running = await startAgentBefore(empty, { capacity: 0, size: 0 });
    try {
      await pause(CALM_MS);
      return residentBytes(running.agent.pid());
    } finally {
      await running.end();
    }
  } finally {
    await rm(empty, { recursive: true });
  }
}

function contendersOf(tree) {
  const all = [
    { name: BARE, measure: (left) => scannerSample(BARE, tree, left) },
    { name: OURS, measure: (left) => scannerSample(OURS, tree, left) },
    { name: FIRST, measure: () => firstSnapshot(tree) },
  ];
  if (tree.makeSeconds === undefined) return all;
  const mapped = { name: MAPPED, measure: () => laterSnapshot(tree, { fields_mapping: MAPPING }) };
  return [...all, { name: LATER, measure: () => laterSnapshot(tree) }, mapped];
}

const HEAD = ["", "time", "entries", "time / bare scan", "target", "CPU", "peak memory", "rest", ""];

function rowOf(result, { entries, bare, idle }) {
  const { note, ...values } = mediansOf(result);
  const ratio = result === bare ? undefined : pairedRatio(result, bare);
  const rates = values.seconds === undefined ? "-" : `${thousands(entries / values.seconds)}/s`;
  const tableBytes = result.samples.at(-1)?.tableBytes;
  const rest = tableBytes === undefined ? undefined : values.peakBytes - idle - tableBytes;
  const wanted = values.name === LATER ? WHOLE_WAY : undefined;
  const target = verdictOf(ratio, wanted, { atLeast: false, isMeant: entries >= LEAST_ENTRIES });
  const cells = [values.name, seconds(values.seconds), rates, ratioText(ratio), target, seconds(values.cpuSeconds)];
  return {
    ...values,
    ratio,
    tableBytes,
    restBytes: rest,
    note,
    cells: [...cells, megabytes(values.peakBytes), megabytes(rest), note ?? ""],
  };
}

function sectionOf(tree, entries, rows, idle) {
  const tableBytes = rows.find((row) => row.tableBytes > 0)?.tableBytes;
  const perEntry =
    tableBytes === undefined
      ? ""
      : ` Table: ${megabytes(tableBytes)}, ${(tableBytes / entries).toFixed(0)} bytes an entry.`;
  const shown = rows.filter((row) => row.seconds !== undefined);
  return {
    title: `${tree.name}: ${thousands(entries)} entries`,
    note: `Idle agent: ${megabytes(idle)}.${perEntry} Rest: peak beyond these two (at most ${megabytes(MEMORY_BYTES)} wanted).`,
    bars: shown.map(({ name, seconds: value }) => ({ label: name, value, text: seconds(value), ours: name !== BARE })),
    rows: [HEAD, ...rows.map(({ cells }) => cells)],
  };
}

async function treeOf(values) {
  if (values.tree !== undefined) return ownTree(values.tree);
  const [files, seed] = [numberOption(values, "files", 1), numberOption(values, "seed", 0)];
  const [shape] = textOption(values, "shape", SHAPES);
  process.stdout.write(`making the tree: ${shape}, ${thousands(files)} files (seed ${seed})\n`);
  return growCorpus({ shape, files, seed, ...(values.dir === undefined ? {} : { dir: values.dir }) });
}

export async function run(values) {
  const runs = numberOption(values, "runs", 1);
  const timeLimit = numberOption(values, "time-limit", 1);
  const setting = circumstances();
  const tree = await treeOf(values);
  try {
    const idle = await idleBytes();
    const describe = (sample) =>
      `${seconds(sample.seconds)}, CPU ${seconds(sample.cpuSeconds)}, ${megabytes(sample.peakBytes)}`;
    const plan = { runs, seconds: timeLimit, describe };
    const results = await inRounds(contendersOf(tree), plan, ({ measure }, { leftSeconds }) => measure(leftSeconds));
    const bare = results.find(({ name }) => name === BARE);
    const { entries } = mediansOf(bare);
    const rows = results.map((result) => rowOf(result, { entries, bare, idle }));
    const section = sectionOf(tree, entries, rows, idle);
    process.stdout.write(`\n${section.title}\n\n${formatColumns(section.rows)}\n\n${section.note}\n\n`);
    const medians = rows.map(({ cells: _, ...row }) => row);
    const shown = { ...values, tree: values.tree === undefined ? undefined : "own tree" };
    const path = writeResult("snapshot", {
      ...setting,
      options: shown,
      entries,
      idleBytes: idle,
      medians,
      samples: results,
    });
    const page = writePage(path, {
      title: "The whole way of a snapshot",
      where: whereOf(setting),
      sections: [section],
    });
    process.stdout.write(`${path}\n${page}\n`);
  } finally {
    await tree.remove();
    removeTempFolders();
  }
}
