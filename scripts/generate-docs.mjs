// Writes docs/cli.md from the commands of the program itself, the reference at the end of docs/sdk.md from the types of the
// SDK, the tables of docs/errors.md and one of docs/config.md from those of the code; `--check` says instead whether they are stale.
import "./load-ts.mjs";
import { readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { PassThrough } from "node:stream";
import { sdkReference } from "./sdk-reference.mjs";

const DOCS = resolve(import.meta.dirname, "..", "docs");

const HEAD = `# The command line

Every command with its arguments and options, as \`fustor-agent help COMMAND\` prints them. This page is generated
(\`node scripts/generate-docs.mjs\`); [the readme](../README.md#commands) says what each command is for,
[errors.md](errors.md#exit-codes) what its exit code means.

`;

/** Markdown reads a bar as the end of a cell, and what stands between angle brackets as HTML. */
const cell = (text) => text.replaceAll("|", "\\|").replaceAll("<", "&lt;");
const sentence = (text) => cell(`${text.charAt(0).toUpperCase()}${text.slice(1)}.`);

const argumentText = (argument) => {
  const name = `${argument.name()}${argument.variadic ? "..." : ""}`;
  return argument.required ? `<${name}>` : `[${name}]`;
};

function valueNotes({ argChoices, defaultValue }) {
  const choices = argChoices === undefined ? [] : [`one of ${argChoices.map((each) => `\`${each}\``).join(", ")}`];
  const preset = defaultValue === undefined ? [] : [`default \`${defaultValue}\``];
  const notes = [...choices, ...preset];
  return notes.length === 0 ? "" : ` (${notes.join("; ")})`;
}

const row = (name, { description }, notes) => `| \`${name.replaceAll("|", "\\|")}\` | ${cell(description)}${notes} |`;

function section(command, path) {
  const name = `${path} ${command.name()}`;
  const given = command.registeredArguments;
  const options = command.options.filter(({ hidden }) => !hidden);
  const usage = [name, ...(options.length === 0 ? [] : ["[options]"]), ...given.map(argumentText)].join(" ");
  const rows = [
    ...given.map((argument) => row(argumentText(argument), argument, valueNotes(argument))),
    ...options.map((option) => row(option.flags, option, valueNotes(option))),
  ];
  const table = rows.length === 0 ? "" : `\n| argument or option | what it is |\n|---|---|\n${rows.join("\n")}\n`;
  const below = command.commands.map((each) => section(each, name)).join("");
  return `## ${name}\n\n    ${usage}\n\n${sentence(command.description())}\n${table}\n${below}`;
}

const { buildProgram } = await import("../src/cli/program.ts");
const { Terminal } = await import("../src/cli/terminal.ts");
const program = buildProgram(new Terminal(new PassThrough(), new PassThrough()), () => undefined);
const text = `${HEAD}${program.commands.map((command) => section(command, program.name())).join("")}`.trimEnd();
const BEGINS = "## Reference\n";
const guide = readFileSync(join(DOCS, "sdk.md"), "utf8").split(BEGINS, 1)[0];
const note = "Every export, with the comment and the declaration of its source (`node scripts/generate-docs.mjs`).";

/** Puts each table between the marks that name it; what stands around them is written by hand. */
function withTables(name, tables) {
  const marks = /(<!-- generated: ([^>]+) -->\n\n)[\s\S]*?(\n<!-- end -->)/g;
  const found = [];
  const page = readFileSync(join(DOCS, name), "utf8").replaceAll(marks, (_, begin, table, end) => {
    found.push(table);
    return `${begin}${tables[table] ?? ""}${end}`;
  });
  if (found.join() !== Object.keys(tables).join())
    throw new Error(`docs/${name} has marks for ${found.join(", ")}; there are ${Object.keys(tables).join(", ")}`);
  return page;
}

const { ERROR_TEXTS } = await import("../src/sdk/error-texts.ts");
const { EXIT } = await import("../src/cli/exit-codes.ts");
const { EXIT_TEXTS } = await import("../src/cli/exit-code-texts.ts");

const table = (head, rows) =>
  [head, head.map(() => "---"), ...rows]
    .map((cells, at) => (at === 1 ? `|${cells.join("|")}|` : `| ${cells.join(" | ")} |`))
    .join("\n")
    .concat("\n");

const areas = [...new Set(Object.values(ERROR_TEXTS).map(({ area }) => area))];
const errorsOf = (wanted) =>
  Object.entries(ERROR_TEXTS)
    .filter(([, { area }]) => area === wanted)
    .map(([code, { cause, cure }]) => [`\`${code}\``, cause, cure]);

const keys = await import("../src/config/known-keys.ts");
const { knownDrivers } = await import("../src/drivers/registry.ts");

/** Keys that change nothing, those with the same reason in one row. */
function keysWithoutEffect() {
  const withReasons = (prefix, reasons) => Object.entries(reasons).map(([key, why]) => [`${prefix}\`${key}\``, why]);
  const inTable = (prefix, table) =>
    Object.entries(table)
      .filter(([, { noEffect }]) => noEffect !== undefined)
      .map(([key, { noEffect }]) => [`\`${prefix}${key}\``, noEffect.replace(/; remove it$/, "")]);
  const all = [
    ...inTable("", { ...keys.SOURCE_KEYS, ...keys.SENDER_KEYS }),
    ...inTable("logging.", keys.LOGGING_KEYS),
    ...knownDrivers.modules.flatMap(({ name, withoutEffect = {} }) => withReasons(`${name}: `, withoutEffect)),
  ];
  const reasons = [...new Set(all.map(([, why]) => why))];
  return reasons.map((why) => [all.flatMap(([key, other]) => (other === why ? [key] : [])).join(", "), why]);
}

const pages = {
  "cli.md": `${text}\n`,
  "errors.md": withTables("errors.md", {
    ...Object.fromEntries(areas.map((area) => [`errors ${area}`, table(["Code", "Cause", "Cure"], errorsOf(area))])),
    "exit codes": table(
      ["Code", "Meaning"],
      Object.entries(EXIT).map(([name, code]) => [String(code), EXIT_TEXTS[name]]),
    ),
  }),
  "config.md": withTables("config.md", { "keys without effect": table(["key", "why"], keysWithoutEffect()) }),
  "sdk.md": `${guide}${BEGINS}\n${note}\n\n${sdkReference()}`,
};

for (const [name, page] of Object.entries(pages)) {
  const file = join(DOCS, name);
  if (!process.argv.includes("--check")) writeFileSync(file, page);
  else if (readFileSync(file, "utf8") !== page) {
    console.error(`docs/${name} is stale: run \`node scripts/generate-docs.mjs\``);
    process.exit(1);
  }
}
if (process.argv.includes("--check")) console.log("the generated parts of docs/ are those of the program");
