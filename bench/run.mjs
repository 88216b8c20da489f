/**
 * `npm run bench -- [SUITE] [--name value]...`: runs one suite of bench/suites, prints its table and writes all numbers to
 * bench/results/. Without a suite the short forms of the main ones run one after the other.
 */
import { readdirSync, statSync } from "node:fs";
import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { UsageError } from "./support/options.mjs";
import { circumstances, whereOf } from "./support/report.mjs";

const say = (line) => process.stdout.write(`${line}\n`);
const folder = new URL("./suites/", import.meta.url);
const names = readdirSync(folder)
  .filter((name) => name.endsWith(".mjs"))
  .map((name) => name.slice(0, -".mjs".length));
const load = (name) => import(new URL(`${name}.mjs`, folder).href);

/** What runs when nothing is asked for. */
const SHORT = [
  ["scan", ["--runs", "3"]],
  ["snapshot", ["--runs", "3"]],
  ["watch", ["--quick"]],
];

async function usage() {
  const suites = await Promise.all(names.map(async (name) => ({ name, ...(await load(name)) })));
  const lines = ["usage: npm run bench -- [SUITE] [options]", ""];
  for (const { name, about, options } of suites) {
    lines.push(`${name}: ${about}`);
    for (const [option, { type, default: initial, help }] of Object.entries(options)) {
      const value = type === "string" ? ` ${initial ?? "..."}` : "";
      lines.push(`    --${option}${value}`.padEnd(32) + (help ?? ""));
    }
    lines.push("");
  }
  lines.push(`Without a suite: ${SHORT.map((each) => each.flat().join(" ")).join("; ")}. Results: bench/results/.`);
  return `${lines.join("\n")}\n`;
}

function parse(what, args, options) {
  try {
    return parseArgs({ args, options, strict: true }).values;
  } catch (error) {
    throw new UsageError(`${what}: ${error.message}`);
  }
}

/** Everything that is made goes there, also what a rival or an agent puts into the temporary folder. */
function stayWithin(dir) {
  const folder = resolve(dir);
  if (!statSync(folder, { throwIfNoEntry: false })?.isDirectory())
    throw new UsageError(`--dir ${dir}: no such directory`);
  process.env.TMPDIR = folder;
  return folder;
}

async function runSuite(name, args) {
  say(`${name}: ${whereOf(circumstances())}`);
  const suite = await load(name);
  const values = parse(name, args, suite.options);
  if (values.dir !== undefined) values.dir = stayWithin(values.dir);
  await suite.run(values);
}

/** Options without a suite go to each of the short forms that knows them; one that none knows is an error. */
async function runShortForms(args) {
  const forms = await Promise.all(
    SHORT.map(async ([name, own]) => ({ name, own, options: (await load(name)).options })),
  );
  const all = Object.assign({}, ...forms.map(({ options }) => options));
  const plain = Object.entries(all).map(([option, { type }]) => [option, { type }]);
  const values = parse("without a suite", args, Object.fromEntries(plain));
  for (const { name, own, options } of forms) {
    const given = Object.entries(values).filter(([option]) => Object.hasOwn(options, option));
    process.stdout.write(`\n== ${name}\n`);
    await runSuite(name, [
      ...own,
      ...given.flatMap(([option, value]) => (value === true ? [`--${option}`] : [`--${option}`, value])),
    ]);
  }
}

const [first, ...rest] = process.argv.slice(2);
try {
  if (first === "--help" || first === "help" || rest.includes("--help")) process.stdout.write(await usage());
  else if (first === undefined || first.startsWith("--")) await runShortForms(process.argv.slice(2));
  else if (names.includes(first)) await runSuite(first, rest);
  else throw new UsageError(`there is no suite "${first}": ${names.join(", ")}`);
} catch (error) {
  if (!(error instanceof UsageError)) throw error;
  process.stderr.write(`bench: ${error.message}\n`);
  process.exitCode = 64;
}
