/** What people read of a sweep. */
import type { EndedSweep, SweepFacts, SweepProgress } from "../sdk/index.ts";
import { formatBytes, formatCount, formatDuration } from "./table.ts";

const bytesText = (bytes: number): string => (bytes === 0 ? "" : `, ${formatBytes(bytes)} read`);

export function progressText(state: SweepFacts["state"], progress: SweepProgress): string {
  const { mode, looked, expected, readBytes, entriesPerSecond, etaMs } = progress;
  const left = etaMs === undefined || state === "paused" ? "" : `, ${formatDuration(etaMs)} left`;
  const pace = `${formatCount(entriesPerSecond)}/s`;
  return `sweep (${mode}) ${state}: ${formatCount(looked)} of ${formatCount(expected)}, ${pace}${bytesText(readBytes)}${left}`;
}

const WORDS: Readonly<Record<string, string>> = {
  differs: "differ",
  gone: "gone",
  unreadable: "unreadable",
  hashed: "hashed",
  changed: "changed while they were read",
  tooLarge: "too large",
  tooYoung: "too young",
  offline: "offline",
};

export function endedText({ mode, outcome, looked, readBytes, skipped, elapsedMs, verdicts }: EndedSweep): string {
  const counts = Object.entries(WORDS).flatMap(([name, word]) => {
    const count = verdicts[name] ?? 0;
    return count === 0 ? [] : [`${formatCount(count)} ${word}`];
  });
  const unanswered =
    skipped === 0 ? [] : [`${formatCount(skipped)} not seen: where they lie does not answer or cannot be opened`];
  const what = `${formatCount(looked)} entries in ${formatDuration(elapsedMs)}${bytesText(readBytes)}`;
  return [`sweep (${mode}) ${outcome}: ${what}`, ...counts, ...unanswered].join("; ");
}
