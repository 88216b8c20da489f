/** What people and programs read of a comparison. */
import type { TreeEntry } from "../sdk/index.ts";
import type { NotCompared } from "../verify/compare-units.ts";
import type { Difference } from "../verify/difference.ts";
import { countOf, type Tally, type Verdict } from "../verify/verification.ts";
import { formatCount, formatDuration, printable } from "./table.ts";

const entryText = ({ directory, size, modified }: TreeEntry): string =>
  `${directory ? "directory" : "file"}, ${size} bytes, changed ${modified}`;

export function differenceLine(difference: Difference): string {
  const path = printable(difference.path);
  switch (difference.kind) {
    case "missing":
      return `missing in the view: ${path}`;
    case "ghost":
      return `only in the view: ${path}`;
    default:
      return `unequal (${difference.kind}): ${path}: on the disk ${entryText(difference.disk)}; in the view ${entryText(difference.view)}`;
  }
}

const sideJson = (entry: TreeEntry | undefined): Record<string, unknown> | undefined =>
  entry && { is_directory: entry.directory, size: entry.size, modified_time: entry.modified };

export const differenceJson = (difference: Difference): string => {
  const { kind, path } = difference;
  const [disk, view] = [
    "disk" in difference ? difference.disk : undefined,
    "view" in difference ? difference.view : undefined,
  ];
  return `${JSON.stringify({ type: "difference", difference: kind, path, disk: sideJson(disk), view: sideJson(view) })}\n`;
};

export const notComparedJson = ({ path, reason }: NotCompared): string =>
  `${JSON.stringify({ type: "not_compared", path, reason })}\n`;

export const verdictJson = (verdict: Verdict): string =>
  `${JSON.stringify({
    type: "summary",
    outcome: verdict.outcome,
    interrupted: verdict.interrupted,
    entries: verdict.entries,
    differences: verdict.differences,
    settled: verdict.settled,
    followed: verdict.followed,
    not_compared: verdict.notCompared,
    elapsed_ms: Math.round(verdict.elapsedMs),
  })}\n`;

const rateOf = (entries: number, elapsedMs: number): number =>
  elapsedMs > 0 ? Math.round((entries / elapsedMs) * 1000) : 0;

export function progressLine(tally: Tally, waiting: number, expected: number | undefined, elapsedMs: number): string {
  const rate = rateOf(tally.entries, elapsedMs);
  const left = expected === undefined || rate === 0 ? undefined : ((expected - tally.entries) / rate) * 1000;
  const eta = left === undefined || left <= 0 ? "" : `, ${formatDuration(left)} left`;
  const share = expected === undefined ? "" : ` of about ${formatCount(expected)}`;
  const open = countOf(tally) + waiting;
  const doubts = open === 0 ? "" : `, ${formatCount(open)} differ so far`;
  return `verify  ${formatCount(tally.entries)}${share} entries, ${formatCount(rate)}/s${eta}${doubts}`;
}

const WORDS = {
  missing: "missing in the view",
  ghost: "only in the view",
  kind: "of another kind",
  size: "of another size",
  mtime: "with another time of change",
} as const;

/** One line: what the comparison shows. */
export function verdictLine(verdict: Verdict): string {
  const { outcome, interrupted, entries, differences, settled, followed, notCompared, elapsedMs } = verdict;
  const parts = (Object.keys(WORDS) as (keyof typeof WORDS)[])
    .filter((kind) => differences[kind] > 0)
    .map((kind) => `${formatCount(differences[kind])} ${WORDS[kind]}`);
  if (settled > 0) parts.push(`${formatCount(settled)} were on their way`);
  if (followed > 0) parts.push(`${formatCount(followed)} changed all the time and are followed`);
  if (notCompared > 0) parts.push(`${formatCount(notCompared)} not compared`);
  const verb = interrupted
    ? "Interrupted"
    : { equal: "Equal", different: "Different", incomplete: "Not everything could be compared" }[outcome];
  const rate = `${formatCount(rateOf(entries, elapsedMs))}/s`;
  const what = `${formatCount(entries)} entries in ${(elapsedMs / 1000).toFixed(1)} s (${rate})`;
  return `${verb}: ${[what, ...parts].join("; ")}.`;
}
