/**
 * Question: how long does it take to read name, size and times of every entry of a tree, and what does that cost?
 *
 * Ours twice: the engine without Node, and through Node with every chunk of JSON in JavaScript. Rivals in the same rounds, the
 * cache warm, each in a process of its own. Seconds are those of the scan, without the start of a runtime where the contender
 * tells them; CPU and memory are the process's.
 */
import "../../scripts/load-ts.mjs";
import { growCorpus, ownTree, SHAPES } from "../corpora/corpus.mjs";
import { BARE, OURS, scanners } from "../rivals/scanners.mjs";
import { writePage } from "../support/chart.mjs";
import { measureCommand } from "../support/measure.mjs";
import { chosenBy, numberOption, textOption } from "../support/options.mjs";
import { circumstances, whereOf, writeResult } from "../support/report.mjs";
import { inRounds, mediansOf, pairedRatio, present, ROUNDS_TO_JUDGE, verdictOf } from "../support/rounds.mjs";
import { megabytes, ratioText, seconds, thousands } from "../support/text.mjs";

const { formatColumns } = await import("../../test/support/convergence-table.ts");

export const about =
  "a tree read once: find, fd, bfs, du, rsync, node, fdir, fast-glob, @parcel/watcher, Python (1 to 4 min)";

export const options = {
  files: { type: "string", default: "300000", help: "files of the tree" },
  shape: { type: "string", default: "mixed", help: `${SHAPES.join(", ")}, or several with commas` },
  runs: { type: "string", default: "5", help: "rounds that count" },
  seed: { type: "string", default: "1", help: "of the tree" },
  dir: { type: "string", help: "where the tree is made (default: the temporary folder)" },
  tree: { type: "string", help: "your own tree instead, which is only read" },
  "time-limit": { type: "string", default: "240", help: "seconds in all for each tree" },
  only: { type: "string", help: "contenders whose name holds one of these words" },
};

/** Rival's seconds / ours through Node, at least. */
const TARGETS = {
  "find -printf": 2,
  du: 1,
  "bfs -printf": 2.2,
  "fd with stat": 1.6,
  "node readdirSync + lstatSync": 3,
  "@parcel/watcher snapshot": 3.5,
  "Python Fustor agent's snapshot": 20,
};
/** Ours through Node / the bare scan, at most. */
const NODE_PRICE = 1.25;

const OWN_NAMES = new Set([BARE, OURS]);

const wanted = (only) => {
  const isChosen = chosenBy(
    only,
    scanners.map(({ name }) => name),
  );
  return ({ name }) => OWN_NAMES.has(name) || isChosen(name);
};

/** What the targets were set for: a small tree is read before a runtime has warmed up. */
const LEAST_ENTRIES = 200_000;

function rowOf(result, ours, isMeant) {
  const { name, entries, note, runs, ...values } = mediansOf(result);
  const ratio = name === OURS ? undefined : pairedRatio(result, ours);
  return {
    name,
    runs,
    ...values,
    entries,
    note,
    ratio,
    cells: [
      name,
      seconds(values.seconds),
      entries === undefined || values.seconds === undefined ? "-" : `${thousands(entries / values.seconds)}/s`,
      ratioText(ratio),
      verdictOf(ratio, TARGETS[name], { atLeast: true, isMeant }),
      seconds(values.cpuSeconds),
      megabytes(values.peakBytes),
      note ?? "",
    ],
  };
}

const HEAD = ["", "time", "entries", "time / ours", "target", "CPU", "peak memory", ""];

function noteOf(price) {
  if (price === undefined) return "The bare scan gave no number to compare with.";
  const fact = `Through Node takes ${ratioText(price)} times the bare scan`;
  if (price.rounds < ROUNDS_TO_JUDGE)
    return `${fact}; ${price.rounds} round(s) are too few to judge a ratio: --runs ${ROUNDS_TO_JUDGE} or more. At most ${NODE_PRICE} is wanted.`;
  return `${fact}, median of ${price.rounds} rounds and their range (at most ${NODE_PRICE} wanted).`;
}

function sectionOf(tree, rows, price) {
  const shown = rows.filter((row) => row.seconds !== undefined).sort((one, other) => one.seconds - other.seconds);
  return {
    title: `${tree.name}: ${thousands(tree.entries ?? rows[0].entries)} entries`,
    note: noteOf(price),
    bars: shown.map(({ name, seconds: value }) => ({
      label: name,
      value,
      text: seconds(value),
      ours: OWN_NAMES.has(name),
    })),
    rows: [HEAD, ...rows.map(({ cells }) => cells)],
  };
}

async function measureTree(tree, contenders, { runs, timeLimit }) {
  const plan = {
    runs,
    seconds: timeLimit,
    describe: (sample) => `${seconds(sample.seconds)}, CPU ${seconds(sample.cpuSeconds)}`,
  };
  const results = await inRounds(contenders, plan, (contender, { warmUp, leftSeconds }) =>
    measureCommand(contender.command(tree.root), {
      timeLimitSeconds: Math.ceil(leftSeconds),
      speaks: contender.speaks === true,
      count: contender.count === true && warmUp,
    }),
  );
  const ours = results.find(({ name }) => name === OURS);
  const isMeant = (tree.entries ?? ours.warmUp?.entries ?? 0) >= LEAST_ENTRIES;
  const bare = results.find(({ name }) => name === BARE);
  return { results, price: pairedRatio(ours, bare), rows: results.map((result) => rowOf(result, ours, isMeant)) };
}

async function treesOf(values) {
  if (values.tree !== undefined) {
    const own = ownTree(values.tree);
    return [async () => own];
  }
  const files = numberOption(values, "files", 1);
  const seed = numberOption(values, "seed", 0);
  const shapes = textOption(values, "shape", SHAPES);
  return shapes.map((shape) => () => {
    process.stdout.write(`making the tree: ${shape}, ${thousands(files)} files (seed ${seed})\n`);
    return growCorpus({ shape, files, seed, ...(values.dir === undefined ? {} : { dir: values.dir }) });
  });
}

export async function run(values) {
  const plan = { runs: numberOption(values, "runs", 1), timeLimit: numberOption(values, "time-limit", 1) };
  const makers = await treesOf(values);
  const setting = circumstances();
  const { contenders, skipped } = present(scanners.filter(wanted(values.only)));
  for (const { name, reason } of skipped) process.stdout.write(`skipped: ${name}: ${reason}\n`);
  const sections = [];
  const trees = [];
  for (const make of makers) {
    const tree = await make();
    try {
      if (tree.makeSeconds !== undefined) process.stdout.write(`made in ${seconds(tree.makeSeconds)}\n`);
      const { results, rows, price } = await measureTree(tree, contenders, plan);
      const section = sectionOf(tree, rows, price);
      process.stdout.write(`\n${section.title}\n\n${formatColumns(section.rows)}\n\n${section.note}\n\n`);
      sections.push(section);
      trees.push({
        name: tree.name,
        entries: tree.entries ?? rows[0].entries,
        makeSeconds: tree.makeSeconds,
        throughNodeToBare: price,
        medians: rows.map(({ cells: _, ...row }) => row),
        samples: results,
      });
    } finally {
      await tree.remove();
    }
  }
  const options = { ...values, tree: values.tree === undefined ? undefined : "own tree" };
  const path = writeResult("scan", { ...setting, options, skipped, trees });
  const page = writePage(path, { title: "Reading a tree", where: whereOf(setting), sections });
  process.stdout.write(`${path}\n${page}\n`);
}
