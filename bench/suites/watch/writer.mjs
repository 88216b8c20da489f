/**
 * `node writer.mjs ROOT DIRECTORIES COUNT PER_SECOND TIMES`: creates and closes COUNT empty files f0, f1, ... in the directories
 * d0, d1, ... of ROOT, in bursts of a millisecond, or without a pause when PER_SECOND is 0. Keeps in TIMES when each was begun; prints
 * the nanoseconds that all took.
 */
import { closeSync, constants, openSync, writeFileSync } from "node:fs";

const [root, ...numbers] = process.argv.slice(2, 6);
const [directories, count, perSecond] = numbers.map(Number);
const times = new Float64Array(count);
const flags = constants.O_CREAT | constants.O_EXCL | constants.O_WRONLY;
const sleeper = new Int32Array(new SharedArrayBuffer(4));
const now = () => Number(process.hrtime.bigint());
const BURST_NS = 1e6;

const interval = perSecond === 0 ? 0 : 1e9 / perSecond;
const begun = now();
for (let file = 0; file < count; file++) {
  const due = begun + file * interval;
  for (let early = due - now(); early > 0; early = due - now())
    Atomics.wait(sleeper, 0, 0, Math.max(early, BURST_NS) / 1e6);
  times[file] = now();
  closeSync(openSync(`${root}/d${file % directories}/f${file}`, flags));
}
process.stdout.write(String(now() - begun));
writeFileSync(process.argv[6], times);
