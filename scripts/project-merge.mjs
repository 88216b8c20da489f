/**
 * `node scripts/project-merge.mjs FOLDER [-o FILE]`: the sources and documents below a folder in one text, for reading as a whole.
 *
 * Sorted by path, each under a heading with its path in a fence that its own text cannot close. Inside a git checkout what git
 * ignores stays out; elsewhere hidden folders and folders of packages do. Standard error says what was merged and left out.
 */
import { execFileSync } from "node:child_process";
import { lstatSync, readdirSync, readFileSync, realpathSync, writeFileSync } from "node:fs";
import { basename, extname, join, relative, resolve } from "node:path";
import { parseArgs } from "node:util";

const USAGE = "usage: node scripts/project-merge.mjs FOLDER [-o FILE] [--only .ts,.md] [--max-bytes 1048576]";
const EXTENSIONS =
  ".c .cc .cpp .css .gyp .h .hpp .html .ini .js .json .jsx .md .mjs .cjs .mts .cts .proto .py .rst .service .sh .sql .toml .ts .tsx .txt .yaml .yml";
const NAMES = new Set(["CMakeLists.txt", "Dockerfile", "LICENSE", "Makefile"]);
const FOLDERS = new Set(["__pycache__", "build", "dist", "node_modules", "target", "venv"]);

class UsageError extends Error {}

/** Every file below, relative and in the order of its path; a link is none. */
export function filesBelow(folder) {
  const isFile = (path) => lstatSync(join(folder, path), { throwIfNoEntry: false })?.isFile() === true;
  return (gitFiles(folder) ?? walk(folder, "")).filter(isFile).sort();
}

function gitFiles(folder) {
  const args = ["-C", folder, "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--deduplicate"];
  try {
    const text = execFileSync("git", args, {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
      maxBuffer: 1 << 28,
    });
    return text.split("\0").filter((path) => path !== "");
  } catch {
    return undefined;
  }
}

function walk(folder, below) {
  return readdirSync(join(folder, below), { withFileTypes: true }).flatMap((entry) => {
    const path = join(below, entry.name);
    if (!entry.isDirectory()) return [path];
    return FOLDERS.has(entry.name) || entry.name.startsWith(".") ? [] : walk(folder, path);
  });
}

/** The text of a file, or why it has none. */
function textOf(path, maxBytes) {
  if (lstatSync(path).size > maxBytes) return { omitted: `larger than ${maxBytes} bytes` };
  const bytes = readFileSync(path);
  if (bytes.includes(0)) return { omitted: "binary" };
  return { text: bytes.toString("utf8") };
}

/** Longer than every run of backticks in the text. */
const fenceFor = (text) => "`".repeat(Math.max(3, ...[...text.matchAll(/`+/g)].map(([run]) => run.length + 1)));

function sectionOf(path, text) {
  const fence = fenceFor(text);
  const end = text === "" || text.endsWith("\n") ? "" : "\n";
  return `\n## ${path}\n\n${fence}${extname(path).slice(1)}\n${text}${end}${fence}\n`;
}

/** `skip`: absolute path of the text itself. */
export function merge(folder, { extensions = new Set(EXTENSIONS.split(" ")), maxBytes = 1 << 20, skip } = {}) {
  const wanted = (path) => extensions.has(extname(path)) || NAMES.has(basename(path));
  const parts = [];
  const omitted = [];
  for (const path of filesBelow(folder).filter((each) => wanted(each) && join(folder, each) !== skip)) {
    const file = textOf(join(folder, path), maxBytes);
    if (file.text === undefined) omitted.push(`${path}: ${file.omitted}`);
    else parts.push(sectionOf(path, file.text));
  }
  const head = `# ${basename(folder)}: ${parts.length} file${parts.length === 1 ? "" : "s"}\n`;
  return { text: head + parts.join(""), count: parts.length, omitted };
}

function main() {
  const options = { output: { type: "string", short: "o" }, only: { type: "string" }, "max-bytes": { type: "string" } };
  const { values, positionals } = parseArgs({ options, allowPositionals: true });
  const [given, ...more] = positionals;
  const maxBytes = Number(values["max-bytes"] ?? 1 << 20);
  if (given === undefined || more.length > 0 || !(maxBytes > 0)) throw new UsageError(USAGE);
  if (lstatSync(realpathSync(given)).isDirectory() === false) throw new UsageError(`${given} is no folder\n${USAGE}`);
  const folder = realpathSync(given);
  const extensions = values.only === undefined ? {} : { extensions: new Set(values.only.split(",")) };
  const skip = values.output === undefined ? undefined : resolve(realpathSync("."), values.output);
  const { text, count, omitted } = merge(folder, { ...extensions, maxBytes, skip });
  if (values.output === undefined) process.stdout.write(text);
  else writeFileSync(values.output, text);
  const to = values.output === undefined ? "" : ` into ${relative(".", values.output)}`;
  process.stderr.write(`${count} files, ${Buffer.byteLength(text)} bytes${to}\n`);
  for (const line of omitted) process.stderr.write(`left out ${line}\n`);
}

if (process.argv[1] !== undefined && realpathSync(process.argv[1]) === import.meta.filename) {
  try {
    main();
  } catch (error) {
    process.stderr.write(`project-merge: ${error.message}\n`);
    process.exitCode = error instanceof UsageError || error.code?.startsWith("ERR_PARSE_ARGS") ? 64 : 1;
  }
}
