// Writes docs/cli.md from the commands of the program itself; `--check` says instead whether it is stale.
import "./load-ts.mjs";
import { readFileSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { PassThrough } from "node:stream";

const FILE = resolve(import.meta.dirname, "..", "docs", "cli.md");

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
const page = `${text}\n`;

if (!process.argv.includes("--check")) writeFileSync(FILE, page);
else if (readFileSync(FILE, "utf8") !== page) {
  console.error("docs/cli.md is stale: run `node scripts/generate-docs.mjs`");
  process.exit(1);
} else console.log("docs/cli.md is that of the program");
