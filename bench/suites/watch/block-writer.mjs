/**
 * `node block-writer.mjs ROOT DIRECTORIES`: told to write a `block`, creates and closes `count` empty files in d0, d1, ... of ROOT and answers
 * with what that took: nanoseconds of the clock, microseconds of its own CPU (user and system). `clear` removes them again.
 */
import { closeSync, constants, openSync, unlinkSync, writeSync } from "node:fs";
import { createInterface } from "node:readline";

const [root, directories] = [process.argv[2], Number(process.argv[3])];
const flags = constants.O_CREAT | constants.O_EXCL | constants.O_WRONLY;
const say = (line) => writeSync(1, `${JSON.stringify(line)}\n`);
const paths = [];
let next = 0;

function cpuMicroseconds() {
  const { userCPUTime, systemCPUTime } = process.resourceUsage();
  return userCPUTime + systemCPUTime;
}

const orders = {
  block({ count }) {
    for (let file = 0; file < count; file++) paths.push(`${root}/d${file % directories}/f${next++}`);
    const [cpu, clock] = [cpuMicroseconds(), process.hrtime.bigint()];
    for (const path of paths) closeSync(openSync(path, flags));
    const wallNs = Number(process.hrtime.bigint() - clock);
    say({ kind: "block", wallNs, cpuMicroseconds: cpuMicroseconds() - cpu });
  },
  clear() {
    for (const path of paths.splice(0)) unlinkSync(path);
    // The contenders count by the number in the name, up to a capacity.
    next = 0;
    say({ kind: "cleared" });
  },
};

const lines = createInterface({ input: process.stdin });
lines.on("line", (line) => {
  const order = JSON.parse(line);
  orders[order.do](order);
});
lines.on("close", () => process.exit(0));
say({ kind: "loaded" });
