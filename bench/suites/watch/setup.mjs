/**
 * From the start of a watcher on a large tree until a change anywhere in it is reported.
 *
 * Files are made in random deep directories all the while, from before the start. The tree is covered from the first file on
 * after which none is lost; a file that was made earlier and reported all the same was luck. What counts as done is that file's report.
 */
import { closeSync, mkdirSync, openSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { peakBytes, residentBytes } from "../../support/process-usage.mjs";
import { WatcherProcess } from "./watcher-process.mjs";

const READY_MS = 60_000;
const SETTLE_MS = 8000;
const QUIET_MS = 1000;
/** Probes go on for this long after the watcher said it was ready. */
const AFTER_READY_MS = 500;
/** Often at the beginning, where milliseconds count; then so that the probes cost nothing. */
const DENSE_MS = 1;
const DENSE_FOR_MS = 300;
const SPARSE_MS = 10;
const MOST_PROBES = 20_000;

/** Directories at random depths. Returns the deeper half. */
export function growDirectories(root, count, random) {
  const all = [{ path: root, depth: 0 }];
  while (all.length <= count) {
    const parent = all[Math.floor(random() * all.length)];
    const path = join(parent.path, `d${all.length}`);
    mkdirSync(path);
    all.push({ path, depth: parent.depth + 1 });
  }
  all.sort((one, other) => other.depth - one.depth);
  return all.slice(0, all.length >> 1).map(({ path }) => path);
}

function startProbes(deep, random) {
  const probes = [];
  const begun = performance.now();
  let timer;
  const probe = () => {
    const path = `${deep[Math.floor(random() * deep.length)]}/f${probes.length}`;
    probes.push({ path, at: Number(process.hrtime.bigint()) });
    closeSync(openSync(path, "wx"));
    if (probes.length >= MOST_PROBES) return;
    timer = setTimeout(probe, performance.now() - begun < DENSE_FOR_MS ? DENSE_MS : SPARSE_MS);
  };
  probe();
  return {
    probes,
    stop: () => clearTimeout(timer),
    clear: () => {
      for (const { path } of probes) rmSync(path, { force: true });
    },
  };
}

/** Milliseconds since the start of the watcher; undefined where it did not come to that. */
function judge(probes, seen, begun, ready) {
  const since = (time) => (time === undefined ? undefined : (time - begun) / 1e6);
  const known = probes.map(({ at }, index) => ({ at, seen: seen[index] })).filter(({ at }) => at >= begun);
  const lastLost = known.findLastIndex((probe) => probe.seen === 0);
  const first = known.find((probe) => probe.seen !== 0);
  const covered = known[lastLost + 1];
  return {
    readyMs: since(ready),
    /** Of the first file that was reported at all. */
    firstMadeMs: since(first?.at),
    firstReportedMs: since(first?.seen),
    coveredFromMs: since(covered?.at),
    coveredReportedMs: since(covered?.seen),
    probes: known.length,
    lostAfterReady: known.filter((probe) => probe.at > ready && probe.seen === 0).length,
  };
}

export async function measureSetup(contender, root, deep, random, folder) {
  const watcher = await WatcherProcess.spawn(contender, root, MOST_PROBES);
  const bytesBefore = residentBytes(watcher.pid);
  const prober = startProbes(deep, random);
  try {
    await pause(20);
    watcher.tell({ do: "start" });
    const { at: begun } = await watcher.hear("begun");
    const { at: ready } = await watcher.hear("ready", READY_MS);
    await pause(AFTER_READY_MS);
    prober.stop();
    const { troubles, trouble, status } = await watcher.settle(prober.probes.length, QUIET_MS, SETTLE_MS);
    const memory = { bytesBefore, residentBytes: residentBytes(watcher.pid), peakBytes: peakBytes(watcher.pid) };
    const seen = await watcher.seenTimes(join(folder, "seen"));
    return { ...judge(prober.probes, seen, begun, ready), ...memory, troubles, trouble, status };
  } finally {
    prober.stop();
    await watcher.end();
    prober.clear();
  }
}
