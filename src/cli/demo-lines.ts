/** What the demo says, as text. */
import type { AgentStatus, PipeReport } from "../agent/agent-status.ts";
import { formatCount, printable } from "./table.ts";

/** Whether the first snapshot is over and the receiver took its end. */
export const isLive = (pipe: PipeReport | undefined, viewReady: boolean): boolean =>
  viewReady && pipe?.snapshot === "complete";

function snapshotLine(pipe: PipeReport, entries: number | undefined, elapsedMs: number): string {
  const rows = pipe.rowsSent.snapshot;
  const expected = pipe.snapshotExpectedRows ?? entries;
  const share = expected === undefined || expected === 0 ? "" : ` of about ${formatCount(expected)}`;
  const rate = elapsedMs > 0 ? `, ${formatCount(Math.round((rows / elapsedMs) * 1000))} rows/s` : "";
  return `snapshot  ${formatCount(rows)} rows${share}${rate}`;
}

export interface DemoMoment {
  readonly status: AgentStatus;
  readonly viewReady: boolean;
  readonly viewEntries: number;
  readonly elapsedMs: number;
}

/** The line that is rewritten: what holds the pipe up, or the snapshot's progress, or what is live. */
export function demoLine({ status, viewReady, viewEntries, elapsedMs }: DemoMoment): string {
  const [pipe] = status.pipes;
  if (pipe === undefined) return status.state;
  const source = status.sources[0]?.status;
  if (source?.availability.state === "starting") return `looking  ${formatCount(source.entries ?? 0)} entries so far`;
  if (pipe.state !== "running") return `${pipe.state.replaceAll("_", " ")}  ${printable(pipe.info)}`;
  if (!isLive(pipe, viewReady)) return snapshotLine(pipe, source?.entries, elapsedMs);
  const lag = pipe.lagMs === undefined ? "-" : `${Math.round(pipe.lagMs)} ms`;
  const events = formatCount(pipe.rowsSent.message);
  const kept = keptMounts(status).length;
  const keeps = kept === 0 ? "" : `  ${kept} lost ${kept === 1 ? "mount" : "mounts"} kept`;
  return `live  ${pipe.role ?? "no role"}  ${formatCount(viewEntries)} entries  ${events} events  lag ${lag}${keeps}`;
}

/** Wire paths of what was mounted and is gone or replaced; its rows stay in the view. */
export function keptMounts(status: AgentStatus): readonly string[] {
  const lost = status.sources[0]?.status.lostMounts;
  return Array.isArray(lost) ? lost.map(String) : [];
}

/** Said once for each mount: the view is not what the directory shows until then. */
export const keptMountLine = (path: string): string =>
  `Kept     ${printable(path)}: what was mounted there is gone or replaced by another one. The view shows what it held until it is back; ` +
  "to drop that, end the demo and start it again (a running agent: fustor-agent confirm SOURCE)";

/** Said once, when the first snapshot is over. */
export function snapshotSummary({ status, elapsedMs }: DemoMoment): string {
  const rows = status.pipes[0]?.rowsSent.snapshot ?? 0;
  return `snapshot  ${formatCount(rows)} rows, complete after ${(elapsedMs / 1000).toFixed(1)} s`;
}

/** Quoted for a shell. */
const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;

export const curlLine = (url: string, key: string): string =>
  `curl -s -H ${quoted(`X-API-Key: ${key}`)} ${quoted(url)}`;
