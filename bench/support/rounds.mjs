/** Contenders in turns: every round asks each of them once, so that a slow minute of the machine is everybody's. */
import { median } from "./report.mjs";

const say = (line) => process.stdout.write(`${line}\n`);

/** Splits contenders into those that can run here and the reasons of the others. */
export function present(contenders) {
  const asked = contenders.map((contender) => ({ ...contender, reason: contender.unless?.() }));
  return {
    contenders: asked.filter(({ reason }) => reason === undefined),
    skipped: asked.filter(({ reason }) => reason !== undefined).map(({ name, reason }) => ({ name, reason })),
  };
}

/**
 * `measure(contender, { warmUp })` gives a sample or `{ failed }`. The first round warms up and is not counted; a contender that
 * failed, or that would not fit into what is left of the time, is asked no more, and that is said.
 */
export async function inRounds(contenders, { runs, seconds, describe }, measure) {
  const begun = performance.now();
  const results = contenders.map(({ name }) => ({ name, samples: [], warmUp: undefined, note: undefined }));
  for (let round = 0; round <= runs; round++) {
    for (const [at, contender] of contenders.entries()) {
      const result = results[at];
      if (result.note !== undefined) continue;
      const left = seconds - (performance.now() - begun) / 1000;
      const expected = result.samples.at(-1)?.wallSeconds ?? result.warmUp?.wallSeconds ?? 0;
      if (left < expected) {
        result.note = result.samples.length > 0 ? `${result.samples.length} of ${runs} rounds` : "no time left";
        continue;
      }
      const sample = await measure(contender, { warmUp: round === 0, leftSeconds: Math.max(1, left) });
      if (sample.failed !== undefined) result.note = sample.failed;
      else if (round === 0) result.warmUp = sample;
      else result.samples.push(sample);
      say(`${round === 0 ? "warm-up" : `round ${round}`}: ${contender.name}: ${sample.failed ?? describe(sample)}`);
    }
  }
  return results;
}

const METRICS = ["seconds", "wallSeconds", "cpuSeconds", "peakBytes"];

export function mediansOf({ name, samples, warmUp, note }) {
  const medians = METRICS.map((metric) => {
    const values = samples.map((sample) => sample[metric]).filter((value) => value !== undefined);
    return [metric, values.length > 0 ? median(values) : undefined];
  });
  const entries = samples[0]?.entries ?? warmUp?.entries;
  return { name, runs: samples.length, ...Object.fromEntries(medians), entries, note };
}

/** So many rounds a ratio needs before a target is judged by it: below that one odd round decides. */
export const ROUNDS_TO_JUDGE = 5;

/** Ratios of the same rounds, theirs / ours: their median, the least and the greatest. */
export function pairedRatio(theirs, ours, metric = "seconds") {
  const pairs = Math.min(theirs.samples.length, ours.samples.length);
  if (pairs === 0) return undefined;
  const ratios = Array.from(
    { length: pairs },
    (_, round) => theirs.samples[round][metric] / ours.samples[round][metric],
  );
  return { median: median(ratios), least: Math.min(...ratios), most: Math.max(...ratios), rounds: pairs };
}

/** Met or missed, or why neither can be said. `isMeant`: it was measured as the target wants it. */
export function verdictOf(ratio, target, { atLeast, isMeant }) {
  if (ratio === undefined || target === undefined) return "";
  if (!isMeant || ratio.rounds < ROUNDS_TO_JUDGE) return `not judged (${target})`;
  const isMet = atLeast ? ratio.median >= target : ratio.median <= target;
  return `${isMet ? "met" : "missed"} (${target})`;
}
