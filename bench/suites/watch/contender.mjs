/**
 * One watcher in a process of its own: `node contender.mjs MODULE ROOT CAPACITY MODE`. Orders come as JSON lines on stdin
 * (`start`, `stop`, `count`, `save`), answers go to stdout. Files are called f0, f1, ...: it keeps when the callback first had each of them.
 */
import { writeFileSync, writeSync } from "node:fs";
import { createInterface } from "node:readline";

const [module, root, capacity, mode] = process.argv.slice(2);
const seen = new Float64Array(Number(capacity));
const troubles = { count: 0, first: "" };
let count = 0;

/** Nanoseconds of CLOCK_MONOTONIC, which all processes of a machine share. */
const now = () => Number(process.hrtime.bigint());

/** At once, even when the library is about to keep the event loop busy for seconds. */
const say = (line) => writeSync(1, `${JSON.stringify(line)}\n`);

function see(path) {
  const at = path.lastIndexOf("/") + 1;
  if (path[at] !== "f") return;
  const index = Number(path.slice(at + 1));
  if (seen[index] !== 0) return;
  seen[index] = now();
  count++;
}

function trouble(error) {
  troubles.count++;
  troubles.first ||= String(error?.message ?? error);
}

let watcher;
const orders = {
  async start(begin) {
    say({ kind: "begun", at: now() });
    watcher = await begin(root, see, trouble);
    say({ kind: "ready", at: now() });
  },
  async stop() {
    await watcher.stop();
    watcher = undefined;
    seen.fill(0);
    count = 0;
    say({ kind: "stopped" });
  },
  async count() {
    const status = watcher?.status?.();
    say({ kind: "count", seen: count, troubles: troubles.count, trouble: troubles.first, status });
  },
  async save(_begin, { file }) {
    writeFileSync(file, seen);
    say({ kind: "saved" });
  },
};

const fail = (error) => say({ kind: "failed", message: String(error?.message ?? error) });
process.on("uncaughtException", trouble);
try {
  const { prepare } = await import(module);
  const begin = await prepare(mode);
  const lines = createInterface({ input: process.stdin });
  lines.on("line", (line) => {
    const order = JSON.parse(line);
    orders[order.do](begin, order).catch(fail);
  });
  lines.on("close", () => process.exit(0));
  say({ kind: "loaded" });
} catch (error) {
  fail(error);
}
