/**
 * Question: how many small files a second does a sweep hash on one worker, and how many bytes of large ones, beside
 * programs that do nothing else?
 *
 * The cache is warm, so that processors are compared and not disks. Ours counts from the first share to the last; rivals
 * count from the start of `find`, and are given many files at once.
 */
import { execFile, spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import "../../scripts/load-ts.mjs";
import { writePage } from "../support/chart.mjs";
import { numberOption } from "../support/options.mjs";
import { circumstances, whereOf, writeResult } from "../support/report.mjs";
import { inRounds, mediansOf, pairedRatio, present } from "../support/rounds.mjs";
import { ratioText, seconds, thousands } from "../support/text.mjs";

const { formatColumns } = await import("../../test/support/convergence-table.ts");
const { createTempFolder, removeTempFolders } = await import("../../test/support/temp-tree.ts");
const execute = promisify(execFile);

export const about = "files hashed: sha256sum, xxhsum, b3sum (1 min)";

export const options = {
  files: { type: "string", default: "50000", help: "small files, of 4 KB" },
  "large-mb": { type: "string", default: "1000", help: "size of the large file" },
  runs: { type: "string", default: "5", help: "rounds that count" },
  "time-limit": { type: "string", default: "120", help: "seconds in all for each tree" },
  dir: { type: "string", help: "where the trees are made (default: the temporary folder)" },
};

const SMALL_BYTES = 4096;
const FILES_IN_A_FOLDER = 1000;
const MEGABYTE = 1_000_000;
const OURS = "fustor sweep, xxh3";

const SWEEP = fileURLToPath(new URL("hash/sweep-process.mjs", import.meta.url));
const ours = (digest) => ({
  name: `fustor sweep, ${digest}`,
  measure: async (root) => JSON.parse((await execute(process.execPath, [SWEEP, root, digest])).stdout),
});
const rival = (program, packageName, ...args) => ({
  name: [program, ...args].join(" "),
  unless: () => (spawnSync(program, ["--version"]).error ? `apt-get install ${packageName}` : undefined),
  measure: async (root) => {
    const begun = performance.now();
    await execute("sh", [
      "-c",
      `find "$1" -type f -print0 | xargs -0 ${program} ${args.join(" ")} >/dev/null`,
      "",
      root,
    ]);
    return { seconds: (performance.now() - begun) / 1000 };
  },
});

const CONTENDERS = [
  ...["xxh3", "sha256", "blake3"].map(ours),
  rival("xxhsum", "xxhash", "-H2"),
  rival("sha256sum", "coreutils"),
  rival("b3sum", "b3sum", "--num-threads", "1"),
];

function makeSmall(root, files) {
  for (let i = 0; i < files; i++) {
    const folder = join(root, `d${Math.floor(i / FILES_IN_A_FOLDER)}`);
    if (i % FILES_IN_A_FOLDER === 0) mkdirSync(folder);
    writeFileSync(join(folder, `f${i}`), Buffer.alloc(SMALL_BYTES, i % 256));
  }
  return { title: `${thousands(files)} files of 4 KB`, rateOf: (took) => `${thousands(files / took)} files/s` };
}

function makeLarge(root, megabytes) {
  for (let i = 0; i < megabytes; i++)
    writeFileSync(join(root, "large"), Buffer.alloc(MEGABYTE, i % 256), { flag: "a" });
  return { title: `one file of ${thousands(megabytes)} MB`, rateOf: (took) => `${thousands(megabytes / took)} MB/s` };
}

async function measureTree(make, size, contenders, plan) {
  const root = createTempFolder("bench-hash");
  const { title, rateOf } = make(root, size);
  const results = await inRounds(contenders, plan, ({ measure }) =>
    measure(root).catch(({ message }) => ({ failed: message })),
  );
  removeTempFolders();
  const own = results.find(({ name }) => name === OURS);
  const rows = results.map((result) => {
    const { name, note, seconds: took } = mediansOf(result);
    const ratio = name === OURS || took === undefined ? undefined : pairedRatio(result, own);
    return [name, seconds(took), took === undefined ? "-" : rateOf(took), ratioText(ratio), note ?? ""];
  });
  return { title, rows: [["", "time", "rate", "time / xxh3 sweep", ""], ...rows], samples: results };
}

export async function run(values) {
  if (values.dir !== undefined) process.env.FUSTOR_TEST_DIR = values.dir;
  const limit = numberOption(values, "time-limit", 1);
  const plan = { runs: numberOption(values, "runs", 1), seconds: limit, describe: (sample) => seconds(sample.seconds) };
  const setting = circumstances();
  const { contenders, skipped } = present(CONTENDERS);
  for (const { name, reason } of skipped) process.stdout.write(`skipped: ${name}: ${reason}\n`);
  const trees = [
    await measureTree(makeSmall, numberOption(values, "files", 1), contenders, plan),
    await measureTree(makeLarge, numberOption(values, "large-mb", 1), contenders, plan),
  ];
  for (const { title, rows } of trees) process.stdout.write(`\n${title}\n\n${formatColumns(rows)}\n`);
  const path = writeResult("hash", { ...setting, options: values, skipped, trees });
  const sections = trees.map(({ title, rows }) => ({ title, note: "", bars: [], rows }));
  const page = writePage(path, { title: "Hashing files", where: whereOf(setting), sections });
  process.stdout.write(`${path}\n${page}\n`);
}
