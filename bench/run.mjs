/**
 * `npm run bench -- [SUITE] [--name value]...`: runs one suite of bench/suites, prints its table and writes all numbers to
 * bench/results/. Without a suite the short forms of the main ones run one after the other.
 */
import { readdirSync } from "node:fs";
import { parseArgs } from "node:util";
import { UsageError } from "./support/options.mjs";

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

async function runSuite(name, args) {
  const suite = await load(name);
  let values;
  try {
    values = parseArgs({ args, options: suite.options, strict: true }).values;
  } catch (error) {
    throw new UsageError(`${name}: ${error.message}`);
  }
  await suite.run(values);
}

const [first, ...rest] = process.argv.slice(2);
try {
  if (first === "--help" || first === "help" || rest.includes("--help")) process.stdout.write(await usage());
  else if (first === undefined || first.startsWith("--")) {
    // Options without a suite belong to the first of the short forms, which all of them know.
    const shared = process.argv.slice(2);
    for (const [name, args] of SHORT) {
      process.stdout.write(`\n== ${name}\n`);
      await runSuite(name, name === "watch" ? args : [...args, ...shared]);
    }
  } else if (names.includes(first)) await runSuite(first, rest);
  else throw new UsageError(`there is no suite "${first}": ${names.join(", ")}`);
} catch (error) {
  if (!(error instanceof UsageError)) throw error;
  process.stderr.write(`bench: ${error.message}\n`);
  process.exitCode = 64;
}
