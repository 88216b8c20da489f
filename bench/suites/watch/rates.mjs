/** One writer, one watcher: how late and how many of the writer's files reach JavaScript. */
import { execFile } from "node:child_process";
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { cpuSeconds } from "../../support/process-usage.mjs";
import { readTimes, WatcherProcess } from "./watcher-process.mjs";

const WRITER = fileURLToPath(new URL("./writer.mjs", import.meta.url));
const DIRECTORIES = 100;
const WRITER_MS = 60_000;
/** Longer than any of the libraries holds events back, also when its thread is busy. */
const QUIET_MS = 1000;
const SETTLE_MS = 10_000;
/** Between a watcher's "ready" and the first file. */
const CALM_MS = 200;

const run = promisify(execFile);

function quantile(sorted, share) {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
}

/** Milliseconds from the beginning of a file's creation to the callback. */
function latencyOf(created, seen) {
  const known = created.map((time, file) => (seen[file] - time) / 1e6).filter((_, file) => seen[file] !== 0);
  known.sort();
  return { p50Ms: quantile(known, 0.5), p99Ms: quantile(known, 0.99), maxMs: quantile(known, 1), seen: known.length };
}

async function write(root, { files, perSecond }, timesFile) {
  const numbers = [DIRECTORIES, files, perSecond].map(String);
  const { stdout } = await run(process.execPath, [WRITER, root, ...numbers, timesFile], { timeout: WRITER_MS });
  const seconds = Number(stdout) / 1e9;
  return { writerSeconds: seconds, filesPerSecond: files / seconds };
}

/** The stage's folder is removed when nobody watches it any more. */
export async function measureStage(contender, stage, folder) {
  const root = join(folder, "watched");
  const [created, seen] = [join(folder, "created"), join(folder, "seen")];
  for (let directory = 0; directory < DIRECTORIES; directory++)
    mkdirSync(join(root, `d${directory}`), { recursive: true });
  let watcher;
  try {
    watcher = await WatcherProcess.spawn(contender, root, stage.files);
    watcher.tell({ do: "start" });
    await watcher.hear("ready");
    await pause(CALM_MS);
    const before = cpuSeconds(watcher.pid);
    const writing = await write(root, stage, created);
    const { troubles, trouble } = await watcher.settle(stage.files, QUIET_MS, SETTLE_MS);
    const watcherCpuSeconds = cpuSeconds(watcher.pid) - before;
    const latency = latencyOf(readTimes(created), await watcher.seenTimes(seen));
    return { files: stage.files, ...writing, ...latency, watcherCpuSeconds, troubles, trouble };
  } finally {
    await watcher?.end();
    rmSync(root, { recursive: true, force: true });
  }
}
