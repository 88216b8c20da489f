/**
 * `node writer.mjs ROOT FILES PER_SECOND SEED`: makes FILES files, then, told to `start`, creates, rewrites, moves and deletes files and
 * directories at a steady rate until its input ends. Names are new ones all the time: nothing may be kept for what is gone.
 */
import { mkdirSync, renameSync, rmdirSync, rmSync, writeFileSync, writeSync } from "node:fs";
import { createInterface } from "node:readline";
import "../../../scripts/load-ts.mjs";

const { seededRandom } = await import("../../../test/support/temp-tree.ts");

const [root, ...numbers] = process.argv.slice(2);
const [wanted, perSecond, seed] = numbers.map(Number);
const random = seededRandom(seed);
const pick = (list) => Math.floor(random() * list.length);
const FILES_PER_DIRECTORY = 50;
const MOST_BYTES = 200;
const TICK_MS = 5;

/** A directory with the names of its files. */
const directories = [];
let names = 0;
let files = 0;
let operations = 0;

const say = (line) => writeSync(1, `${JSON.stringify(line)}\n`);
const bytes = () => Buffer.alloc(Math.floor(random() * MOST_BYTES), "x");

function makeDirectory() {
  const path = `${root}/d${names++}`;
  mkdirSync(path);
  directories.push({ path, files: [] });
}

function create() {
  const directory = directories[pick(directories)];
  const name = `f${names++}`;
  writeFileSync(`${directory.path}/${name}`, bytes());
  directory.files.push(name);
  files++;
}

function takeFrom(directory) {
  const at = pick(directory.files);
  const name = directory.files[at];
  directory.files[at] = directory.files.at(-1);
  directory.files.pop();
  return name;
}

function withFiles() {
  for (let tries = 0; tries < 20; tries++) {
    const directory = directories[pick(directories)];
    if (directory.files.length > 0) return directory;
  }
  return undefined;
}

function rewrite(directory) {
  writeFileSync(`${directory.path}/${directory.files[pick(directory.files)]}`, bytes());
}

function move(from) {
  const to = directories[pick(directories)];
  const name = `f${names++}`;
  renameSync(`${from.path}/${takeFrom(from)}`, `${to.path}/${name}`);
  to.files.push(name);
}

function remove(directory) {
  rmSync(`${directory.path}/${takeFrom(directory)}`);
  files--;
}

/** An old directory goes with all it has, a new one comes. */
function replaceDirectory() {
  const at = pick(directories);
  const { path, files: gone } = directories[at];
  for (const name of gone) rmSync(`${path}/${name}`);
  rmdirSync(path);
  files -= gone.length;
  directories.splice(at, 1);
  makeDirectory();
}

function operate() {
  operations++;
  const dice = random();
  const directory = withFiles();
  if (directory === undefined || files < wanted * 0.95) create();
  else if (dice < 0.001) replaceDirectory();
  else if (dice < 0.3) create();
  else if (dice < 0.6) rewrite(directory);
  else if (dice < 0.7) move(directory);
  else remove(directory);
}

function start() {
  const begun = performance.now();
  const done = operations;
  setInterval(() => {
    const due = done + ((performance.now() - begun) / 1000) * perSecond;
    while (operations < due) operate();
  }, TICK_MS);
}

const orders = { start, count: () => say({ kind: "count", operations, files }) };
for (let made = 0; made <= wanted / FILES_PER_DIRECTORY; made++) makeDirectory();
while (files < wanted) create();
const lines = createInterface({ input: process.stdin });
lines.on("line", (line) => orders[JSON.parse(line).do]());
lines.on("close", () => process.exit(0));
say({ kind: "grown" });
