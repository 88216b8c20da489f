/** One sentence on the audits of a pipe, for `status` and the status page; undefined when there is nothing to say. */
import type { PipeStatus } from "../pipe/pipe-status.ts";

export function auditText(
  { audit, sentinel, scans, rescans }: Pick<PipeStatus, "audit" | "sentinel" | "scans" | "rescans">,
  duration: (ms: number) => string,
): string | undefined {
  const parts: string[] = [];
  if (audit.state !== "off" || audit.runs > 0 || audit.cutShort > 0) {
    const last = audit.lastCompleteAgoMs === undefined ? "" : `, the last one ${duration(audit.lastCompleteAgoMs)} ago`;
    parts.push(`audits: ${audit.state}, ${audit.runs} complete${last}, ${audit.cutShort} cut short`);
  }
  if (sentinel.rounds + sentinel.failures > 0) {
    parts.push(
      `suspects: ${sentinel.checked} checked, ${sentinel.missing} gone, ${sentinel.failures} questions failed`,
    );
  }
  if (rescans.runs + rescans.cutShort + rescans.pending > 0) {
    const told = `${rescans.runs} complete with ${rescans.directories} directories`;
    parts.push(
      `rescans: ${rescans.state}, ${told}, ${rescans.cutShort} cut short, ${rescans.pending} directories pending`,
    );
  }
  if (scans.done + scans.failed + scans.refused > 0) {
    parts.push(`scans asked for: ${scans.done} done, ${scans.failed} failed, ${scans.refused} refused`);
  }
  return parts.length === 0 ? undefined : parts.join("; ");
}
