/** One command from its start to its end: wall time, CPU with that of its children, peak memory. */
import { spawn } from "node:child_process";
import { nativeTool } from "./native-tools.mjs";

const living = new Set();
process.once("exit", () => {
  // SIGTERM, which `measure` passes on to everything it started.
  for (const child of living) child.kill("SIGTERM");
});

async function textOf(stream) {
  let text = "";
  for await (const chunk of stream.setEncoding("utf8")) text += chunk;
  return text;
}

/** Lines, without keeping them; the last one is kept. */
async function countLines(stream) {
  let lines = 0;
  let last = "";
  for await (const chunk of stream) {
    for (let at = chunk.indexOf(10); at >= 0; at = chunk.indexOf(10, at + 1)) lines++;
    last = (last + chunk.toString("latin1")).slice(-512);
  }
  return { lines, last: last.trimEnd().split("\n").at(-1) ?? "" };
}

/**
 * `seconds`: as the command says itself in a last line of JSON (then without the start of its runtime), else its wall time.
 * `entries` likewise; with `count` those of a silent command are the lines it prints.
 */
export async function measureCommand([command, ...args], { timeLimitSeconds, speaks = false, count = false, cwd }) {
  const stdout = speaks || count ? "pipe" : "ignore";
  const wrapped = [String(timeLimitSeconds), command, ...args];
  const child = spawn(nativeTool("measure"), wrapped, { stdio: ["ignore", stdout, "pipe", "pipe"], cwd });
  living.add(child);
  const [printed, trouble, usage] = await Promise.all([
    child.stdout === null ? undefined : countLines(child.stdout),
    textOf(child.stderr),
    textOf(child.stdio[3]),
    new Promise((resolve, reject) => child.once("close", resolve).once("error", reject)),
  ]);
  living.delete(child);
  const { status, wallSeconds, userSeconds, systemSeconds, peakBytes } = JSON.parse(usage);
  if (status === 124) return { failed: `not done within ${timeLimitSeconds} s` };
  const sample = { seconds: wallSeconds, wallSeconds, cpuSeconds: userSeconds + systemSeconds, peakBytes };
  if (speaks && status === 0) return { ...sample, ...JSON.parse(printed.last) };
  // Some tools answer with an error for each entry that went away meanwhile; one that failed outright did nothing.
  if (status === 127 || (status !== 0 && (speaks || wallSeconds < 0.005)))
    return { failed: trouble.trim().split("\n").at(-1) || `exit code ${status}` };
  return { ...sample, ...(count ? { entries: printed.lines } : {}) };
}
