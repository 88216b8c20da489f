/**
 * `node paced-writer.mjs ROOT DIRECTORIES FIRST COUNT PER_SECOND SIZE TIMES`: makes COUNT files fFIRST, ... of SIZE bytes in the
 * directories d0, d1, ... of ROOT, in bursts of a millisecond. Keeps in TIMES when each was closed; prints the nanoseconds all took.
 */
import { closeSync, constants, openSync, writeFileSync, writeSync } from "node:fs";

const [root, ...rest] = process.argv.slice(2);
const [directories, first, count, perSecond, size] = rest.map(Number);
const times = new Float64Array(count);
const flags = constants.O_CREAT | constants.O_EXCL | constants.O_WRONLY;
const contents = Buffer.alloc(size, "x");
const sleeper = new Int32Array(new SharedArrayBuffer(4));
const now = () => Number(process.hrtime.bigint());
const BURST_NS = 1e6;

const interval = 1e9 / perSecond;
const begun = now();
for (let file = 0; file < count; file++) {
  const due = begun + file * interval;
  for (let early = due - now(); early > 0; early = due - now())
    Atomics.wait(sleeper, 0, 0, Math.max(early, BURST_NS) / 1e6);
  const fd = openSync(`${root}/d${file % directories}/f${first + file}`, flags);
  if (size > 0) writeSync(fd, contents);
  closeSync(fd);
  times[file] = now();
}
process.stdout.write(String(now() - begun));
writeFileSync(rest.at(-1), times);
