/**
 * What watching costs the writer: the same writer makes the same small block of files with and without the watcher, in turns and in
 * changing order, many times. Each pair gives a ratio; their median and quartiles are the result. What else the machine does hits both
 * halves of a pair alike, and the writer's own CPU time does not even count its waiting.
 */
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { median } from "../../support/report.mjs";
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

/** In a process of its own: what a watcher leaves in the kernel until its process ends would cost the other half of the pair as well. */
async function watchedBlock(spawnWatcher, writer, count) {
  const watcher = await spawnWatcher();
  try {
    await watcher.ask({ do: "start" }, "ready");
    await pause(CALM_MS);
    const sample = await writer.ask({ do: "block", count }, "block");
    // It may still be busy with what it was told: the other half of the pair must not pay for that.
    await watcher.settle(Number.POSITIVE_INFINITY, QUIET_MS, SETTLE_MS);
    return sample;
  } finally {
    await watcher.end();
    await writer.ask({ do: "clear" }, "cleared");
  }
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
  const spawnWatcher = () => WatcherProcess.spawn(contender, root, blockFiles);
  try {
    await writer.hear("loaded");
    for (let block = 0; block < WARM_UP; block++) await unwatchedBlock(writer, blockFiles);
    const [cpuRatios, wallRatios] = [[], []];
    const cpuMicroseconds = { true: [], false: [] };
    for (let pair = 0; pair < pairs && (pair < LEAST_PAIRS || leaves()); pair++) {
      const blocks = {};
      for (const watched of pair % 2 === 0 ? [true, false] : [false, true])
        blocks[watched] = watched
          ? await watchedBlock(spawnWatcher, writer, blockFiles)
          : await unwatchedBlock(writer, blockFiles);
      for (const watched of [true, false]) cpuMicroseconds[watched].push(blocks[watched].cpuMicroseconds / blockFiles);
      cpuRatios.push(blocks.true.cpuMicroseconds / blocks.false.cpuMicroseconds);
      wallRatios.push(blocks.true.wallNs / blocks.false.wallNs);
    }
    return {
      pairs: cpuRatios.length,
      cpu: quartiles(cpuRatios),
      wall: quartiles(wallRatios),
      /** Of the writer, for each file. */
      watchedMicroseconds: median(cpuMicroseconds.true),
      unwatchedMicroseconds: median(cpuMicroseconds.false),
      cpuRatios,
      wallRatios,
    };
  } finally {
    await writer.end();
    rmSync(root, { recursive: true, force: true });
  }
}
