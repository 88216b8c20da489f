/** Samples of several runs as one line per watcher and stage, and watchers against each other. */
import { median } from "../../support/report.mjs";

const METRICS = ["p50Ms", "p99Ms", "maxMs", "filesPerSecond", "writerSeconds", "watcherCpuSeconds"];
const OURS = "fustor, inotify";

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

/** What the engine's status tells of its set-up; an engine that has no such part tells nothing. */
function partsOf(samples) {
  const parts = samples.map(({ status }) => status?.setup ?? {});
  const of = (part) => parts.map((one) => one[part]).filter((value) => typeof value === "number");
  const named = ["markMs", "primedMs"].filter((part) => of(part).length > 0);
  return Object.fromEntries(named.map((part) => [part, median(of(part))]));
}

export function summarizeSetups(samples) {
  return [...new Set(samples.map(({ name }) => name))].map((name) => {
    const all = samples.filter((one) => one.name === name);
    const good = all.filter(({ failed }) => failed === undefined);
    return {
      name,
      runs: good.length,
      ...Object.fromEntries(SETUP_METRICS.map((metric) => [metric, medianOf(good, metric)])),
      ...partsOf(good),
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
  const others = (list) => list.filter(({ name }) => name !== OURS);
  const ours = (list, stage) => list.find((one) => one.name === OURS && one.stage === stage);
  return {
    setups: others(setups).map((one) => ({
      name: one.name,
      ...ratiosAgainstOurs(one, ours(setups), ["coveredReportedMs", "residentBytes"]),
    })),
    rates: others(rates).map((one) => ({
      stage: one.stage,
      name: one.name,
      ...ratiosAgainstOurs(one, ours(rates, one.stage), ["p50Ms", "p99Ms", "watcherCpuSeconds"]),
    })),
  };
}

/** Per watcher the highest rate that a writer reached in a stage of which every file was seen, in every run. */
export function greatestRates(rates) {
  return [...new Set(rates.map(({ name }) => name))].map((name) => {
    const whole = rates.filter((one) => one.name === name && one.runs > 0 && one.leastSeen === one.files);
    return { name, filesPerSecond: whole.length === 0 ? 0 : Math.max(...whole.map((one) => one.filesPerSecond)) };
  });
}
