/**
 * What watching costs the writer: the same writer makes the same small block of files with and without the watcher, in turns and in
 * changing order, many times. Each pair gives a ratio; their median and quartiles are the result. What else the machine does hits both
 * halves of a pair alike, and the writer's own CPU time does not even count its waiting.
 */
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { quantile } from "../../support/statistics.mjs";
import { WatcherProcess } from "./watcher-process.mjs";

const WRITER = fileURLToPath(new URL("./block-writer.mjs", import.meta.url));
const DIRECTORIES = 100;
/** Blocks before anything counts. */
const WARM_UP = 3;
/** Also when there is no time left: fewer say nothing. */
const LEAST_PAIRS = 4;
const QUIET_MS = 150;
const SETTLE_MS = 5000;
const CALM_MS = 20;

async function watchedBlock(watcher, writer, count) {
  await watcher.ask({ do: "start" }, "ready");
  await pause(CALM_MS);
  const sample = await writer.ask({ do: "block", count }, "block");
  // It may still be busy with what it was told: the other half of the pair must not pay for that.
  await watcher.settle(Number.POSITIVE_INFINITY, QUIET_MS, SETTLE_MS);
  await watcher.ask({ do: "stop" }, "stopped");
  await writer.ask({ do: "clear" }, "cleared");
  return sample;
}

async function unwatchedBlock(writer, count) {
  await pause(CALM_MS);
  const sample = await writer.ask({ do: "block", count }, "block");
  await writer.ask({ do: "clear" }, "cleared");
  return sample;
}

const quartiles = (ratios) => {
  const sorted = [...ratios].sort((one, other) => one - other);
  return { median: quantile(sorted, 0.5), lower: quantile(sorted, 0.25), upper: quantile(sorted, 0.75) };
};

/** `leaves()` says whether there is time for another pair. */
export async function measureSlowdown(contender, { pairs, blockFiles, leaves }, folder) {
  const root = join(folder, "slowed");
  for (let directory = 0; directory < DIRECTORIES; directory++)
    mkdirSync(join(root, `d${directory}`), { recursive: true });
  const writer = new WatcherProcess([process.execPath, WRITER, root, String(DIRECTORIES)]);
  let watcher;
  try {
    await writer.hear("loaded");
    watcher = await WatcherProcess.spawn(contender, root, blockFiles);
    for (let block = 0; block < WARM_UP; block++) await unwatchedBlock(writer, blockFiles);
    const [cpuRatios, wallRatios] = [[], []];
    for (let pair = 0; pair < pairs && (pair < LEAST_PAIRS || leaves()); pair++) {
      const blocks = {};
      for (const watched of pair % 2 === 0 ? [true, false] : [false, true])
        blocks[watched] = watched
          ? await watchedBlock(watcher, writer, blockFiles)
          : await unwatchedBlock(writer, blockFiles);
      cpuRatios.push(blocks.true.cpuMicroseconds / blocks.false.cpuMicroseconds);
      wallRatios.push(blocks.true.wallNs / blocks.false.wallNs);
    }
    return { pairs: cpuRatios.length, cpu: quartiles(cpuRatios), wall: quartiles(wallRatios), cpuRatios, wallRatios };
  } finally {
    await watcher?.end();
    await writer.end();
    rmSync(root, { recursive: true, force: true });
  }
}
