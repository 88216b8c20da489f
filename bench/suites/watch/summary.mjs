/** Samples of several runs as one line per watcher and stage, and watchers against each other. */
import { median } from "../../support/report.mjs";

const METRICS = ["p50Ms", "p99Ms", "maxMs", "filesPerSecond", "writerSeconds", "watcherCpuSeconds"];
const OURS = "fustor, inotify";
/** The writer alone. */
export const NOBODY = "nobody";

function medianOf(samples, metric) {
  const numbers = samples.map((sample) => sample[metric]).filter((value) => value !== undefined);
  return numbers.length > 0 ? median(numbers) : undefined;
}

function summaryOf(samples) {
  const good = samples.filter(({ failed }) => failed === undefined);
  const failed = samples.find((sample) => sample.failed !== undefined)?.failed;
  const medians = Object.fromEntries(METRICS.map((metric) => [metric, medianOf(good, metric)]));
  const counted = good.filter(({ seen }) => seen !== undefined);
  return {
    runs: good.length,
    ...medians,
    files: good[0]?.files,
    /** Of the worst run: a median would hide a loss. */
    leastSeen: counted.length > 0 ? Math.min(...counted.map(({ seen }) => seen)) : undefined,
    trouble: good.find(({ trouble }) => trouble)?.trouble,
    failed,
  };
}

/** A list of `{ stage, name, ... }` in the order of measuring. */
export function summarize(samples, stages) {
  const names = [...new Set(samples.map(({ name }) => name))];
  return stages.flatMap(({ name: stage }) =>
    names
      .map((name) => ({ stage, name, all: samples.filter((one) => one.stage === stage && one.name === name) }))
      .filter(({ all }) => all.length > 0)
      .map(({ all, ...key }) => ({ ...key, ...summaryOf(all) })),
  );
}

const SETUP_METRICS = [
  "firstReportedMs",
  "readyMs",
  "coveredFromMs",
  "coveredReportedMs",
  "residentBytes",
  "peakBytes",
  "bytesBefore",
];

export function summarizeSetups(samples) {
  return [...new Set(samples.map(({ name }) => name))].map((name) => {
    const all = samples.filter((one) => one.name === name);
    const good = all.filter(({ failed }) => failed === undefined);
    return {
      name,
      runs: good.length,
      ...Object.fromEntries(SETUP_METRICS.map((metric) => [metric, medianOf(good, metric)])),
      missedAfterReady: Math.max(0, ...good.map(({ lostAfterReady }) => lostAfterReady)),
      trouble: good.find(({ trouble }) => trouble)?.trouble,
      failed: all.find(({ failed }) => failed !== undefined)?.failed,
    };
  });
}

function ratiosAgainstOurs(theirs, ours, metrics) {
  const shared = metrics.filter((metric) => theirs[metric] !== undefined && ours?.[metric] > 0);
  return Object.fromEntries(shared.map((metric) => [metric, theirs[metric] / ours[metric]]));
}

/** Theirs divided by ours (inotify): above 1, ours is better. */
export function ratiosOf({ setups, rates }) {
  const others = (list) => list.filter(({ name }) => name !== OURS && name !== NOBODY);
  const ours = (list, stage) => list.find((one) => one.name === OURS && one.stage === stage);
  return {
    setups: others(setups).map((one) => ({
      name: one.name,
      ...ratiosAgainstOurs(one, ours(setups), ["coveredReportedMs", "residentBytes"]),
    })),
    rates: others(rates).map((one) => ({
      stage: one.stage,
      name: one.name,
      ...ratiosAgainstOurs(one, ours(rates, one.stage), ["p50Ms", "p99Ms", "writerSeconds", "watcherCpuSeconds"]),
    })),
  };
}

/** The writer's time beside a watcher divided by its time alone. */
export function slowdownOf(rates, one) {
  const alone = rates.find(({ stage, name }) => stage === one.stage && name === NOBODY);
  return alone?.writerSeconds > 0 && one.writerSeconds > 0 ? one.writerSeconds / alone.writerSeconds : undefined;
}
