/** What the counters of a pipe say to people, for `status` and the status page. */
import { type CounterGroup, type Counts, hasCounted, type ShownCount, shownCounts } from "../pipe/counters.ts";
import type { PipeStatus } from "../pipe/pipe-status.ts";

const textOf = <G extends CounterGroup>(group: G, counts: Counts<G>): string =>
  shownCounts(group, counts)
    .map(({ value, text }) => `${value} ${text}`)
    .join(", ");

/** One sentence on the work beside realtime changes and snapshots; undefined when there is nothing to say. */
export function jobsText(
  { audit, sentinel, scans, rescans }: Pick<PipeStatus, "audit" | "sentinel" | "scans" | "rescans">,
  duration: (ms: number) => string,
): string | undefined {
  const parts: string[] = [];
  if (audit.state !== "off" || hasCounted("audit", audit)) {
    const last = audit.lastCompleteAgoMs === undefined ? "" : `, the last one ${duration(audit.lastCompleteAgoMs)} ago`;
    parts.push(`audits: ${audit.state}, ${textOf("audit", audit)}${last}`);
  }
  if (hasCounted("sentinel", sentinel)) parts.push(`suspects: ${textOf("sentinel", sentinel)}`);
  if (hasCounted("rescans", rescans) || rescans.pending > 0) {
    parts.push(`rescans: ${rescans.state}, ${textOf("rescans", rescans)}, ${rescans.pending} directories pending`);
  }
  if (hasCounted("scans", scans)) parts.push(`scans asked for: ${textOf("scans", scans)}`);
  return parts.length === 0 ? undefined : parts.join("; ");
}

/** What went wrong and was counted. */
export const troubleCounts = (pipe: Counts<"pipe">): readonly ShownCount[] =>
  shownCounts("pipe", pipe).filter(({ value }) => value > 0);

/** `3 pipes: 2 running, 1 reconnecting`. */
export function pipeStates(pipes: readonly Pick<PipeStatus, "state">[]): string {
  const states = [...new Set(pipes.map(({ state }) => state))];
  const counts = states.map((state) => `${pipes.filter((pipe) => pipe.state === state).length} ${state}`);
  return `${pipes.length} ${pipes.length === 1 ? "pipe" : "pipes"}: ${counts.join(", ").replaceAll("_", " ")}`;
}
