/**
 * `npm run bench -- SUITE [--name value]...`: runs one suite of bench/suites, prints its table and writes all numbers to
 * bench/results/. Without a suite it lists them.
 */
import { readdirSync } from "node:fs";
import { parseArgs } from "node:util";

const folder = new URL("./suites/", import.meta.url);
const suites = readdirSync(folder)
  .filter((name) => name.endsWith(".mjs"))
  .map((name) => name.slice(0, -".mjs".length));

const [name, ...rest] = process.argv.slice(2);
if (name === undefined || !suites.includes(name)) {
  process.stderr.write(`usage: npm run bench -- SUITE [options]; suites: ${suites.join(", ")}\n`);
  process.exit(64);
}
const suite = await import(new URL(`${name}.mjs`, folder).href);
const { values } = parseArgs({ args: rest, options: suite.options, strict: true });
await suite.run(values);
