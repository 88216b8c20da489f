/** What a process has used, from /proc. The kernel counts CPU in ticks of 10 ms. */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";

const ticksPerSecond = Number(execFileSync("getconf", ["CLK_TCK"], { encoding: "utf8" }));

/** Seconds of CPU of all its threads, and of children it has waited for. */
export function cpuSeconds(pid) {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  // The name in parentheses may hold anything; the fields are counted behind it. 14 to 17 of man proc_pid_stat.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const ticks = fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0);
  return ticks / ticksPerSecond;
}

function statusBytes(pid, key) {
  const line = readFileSync(`/proc/${pid}/status`, "utf8").match(new RegExp(`^${key}:\\s+(\\d+) kB$`, "m"));
  return Number(line[1]) * 1024;
}

/** The most it ever held in memory. */
export const peakBytes = (pid) => statusBytes(pid, "VmHWM");

export const residentBytes = (pid) => statusBytes(pid, "VmRSS");
