import { setTimeout as pause } from "node:timers/promises";
import type { AgentStatus, PipeReport, SourceReport } from "../../agent/agent-status.ts";
import { fetchStatus } from "../../agent/control/control-client.ts";
import { jobsText, troubleCounts } from "../../agent/pipe-lines.ts";
import { occupancyOf } from "../../agent/process/occupancy.ts";
import { snapshotWord } from "../../agent/snapshot-word.ts";
import { resolveHome } from "../../config/home.ts";
import { FustorError, isFustorError, type SweepFacts } from "../../sdk/index.ts";
import { EXIT } from "../exit-codes.ts";
import { refresh } from "../refreshed.ts";
import { endedText, progressText } from "../sweep-text.ts";
import { formatBytes, formatCount, formatDuration, formatTable, printable } from "../table.ts";
import type { Terminal } from "../terminal.ts";
import { jsonForTerminal } from "../terminal-json.ts";

export interface StatusCommandOptions {
  readonly json?: boolean;
  /** Seconds between two looks; true: the usual ones. Absent: one look. */
  readonly watch?: number | true;
}

function consoleText(status: AgentStatus): string {
  switch (status.console.state) {
    case "listening":
      return status.console.note === undefined ? status.console.url : `${status.console.url}  (${status.console.note})`;
    case "failed":
      return `not there: ${printable(status.console.reason)}`;
    case "off":
      return "off";
  }
}

function snapshotText(pipe: PipeReport): string {
  if (pipe.snapshot === "none") return "-";
  const { snapshotRows: rows, snapshotExpectedRows: expected, snapshotRowsPerSecond: rate, snapshotEtaMs: eta } = pipe;
  const word = snapshotWord(pipe);
  const done = `${word} (${formatCount(rows)} rows)`;
  if (word === "waiting" || !["running", "paused"].includes(pipe.snapshot)) return done;
  const percent =
    expected === undefined || expected === 0 ? "" : `, ${Math.min(Math.floor((100 * rows) / expected), 100)} %`;
  const pace = rate === undefined ? "" : `, ${formatCount(rate)}/s`;
  const since = pipe.snapshotPausedForMs === undefined ? "" : `, for ${formatDuration(pipe.snapshotPausedForMs)}`;
  return `${done}${percent}${since}${pace}${eta === undefined ? "" : `, ${formatDuration(eta)} left`}`;
}

const lagText = (pipe: PipeReport): string => (pipe.lagMs === undefined ? "-" : `${Math.round(pipe.lagMs)} ms`);

function pipeTable(pipes: readonly PipeReport[]): string {
  const header = ["PIPE ID", "STATE", "ROLE", "SNAPSHOT", "LIVE ROWS", "BACKLOG", "LAG", "FAILURES"];
  const rows = pipes.map((pipe) => [
    pipe.id,
    pipe.state,
    pipe.role ?? "-",
    snapshotText(pipe),
    formatCount(pipe.rowsSent.message),
    formatCount(pipe.backlog),
    lagText(pipe),
    formatCount(pipe.failures),
  ]);
  return formatTable(header, rows);
}

const noteLine = (note: string): string => `    ${printable(note)}`;

function sourceLine(source: SourceReport): string {
  const { availability, entries } = source.status;
  const reason = availability.state === "unavailable" ? `: ${printable(availability.reason)}` : "";
  const known = entries === undefined ? "" : `, ${formatCount(entries)} entries`;
  return `  ${source.ids.join(", ")}  ${printable(source.uri)}  ${availability.state}${reason}${known}`;
}

function pipeLines(pipe: PipeReport): string[] {
  const lines = [`  ${pipe.id}: ${printable(pipe.info)} (${pipe.source} -> ${pipe.sender.id}, ${pipe.sender.uri})`];
  const jobs = jobsText(pipe, formatDuration);
  if (jobs !== undefined) lines.push(`    ${jobs}`);
  for (const { name, value, text } of troubleCounts(pipe)) {
    const kept = name === "poisonRows" ? `, kept in ${printable(pipe.deadLetterFile)}` : "";
    lines.push(`    ${formatCount(value)} ${text}${kept}`);
  }
  if (pipe.lastError !== undefined && !pipe.info.includes(pipe.lastError))
    lines.push(`    last error: ${printable(pipe.lastError)}`);
  return lines;
}

const descriptorLines = ({ exhausted, limit }: AgentStatus["descriptors"]): readonly string[] =>
  exhausted
    ? [`Trouble  no file descriptor is left (limit ${limit ?? "unknown"}): raise ulimit -n, LimitNOFILE= of a unit`]
    : [];

function sweepLines({ status }: SourceReport): readonly string[] {
  const sweep = status.sweep as SweepFacts | undefined;
  if (sweep?.progress !== undefined) return [`    ${progressText(sweep.state, sweep.progress)}`];
  return sweep?.last === undefined ? [] : [`    last ${endedText(sweep.last)}`];
}

const sourceLines = (source: SourceReport): readonly string[] => [
  sourceLine(source),
  ...(source.status.notes ?? []).map(noteLine),
  ...sweepLines(source),
];

/** The readable form of a status snapshot. */
export function formatStatus(status: AgentStatus): string {
  const process = `PID ${status.pid}, up ${formatDuration(status.uptimeMs)}, version ${status.version}`;
  const load = `${formatBytes(status.rssBytes)}, ${status.cpu.percent.toFixed(1)} % of a core`;
  return [
    `${status.state.toUpperCase()}  ${process}, ${load}`,
    `Home     ${status.home}`,
    `Console  ${consoleText(status)}`,
    ...descriptorLines(status.descriptors),
    "",
    pipeTable(status.pipes),
    ...status.pipes.flatMap(pipeLines),
    "",
    "Sources",
    ...status.sources.flatMap(sourceLines),
  ].join("\n");
}

const stoppedText = (home: string, { json }: StatusCommandOptions): string =>
  json === true ? JSON.stringify({ state: "stopped", home }) : `STOPPED  ${home}`;

/** An agent that is just starting has the home before it has its socket. */
const PATIENCE_MS = 3000;
const POLL_MS = 100;

/** Undefined when nobody has the home. */
export async function statusOrNobody(home: string): Promise<AgentStatus | undefined> {
  const deadline = performance.now() + PATIENCE_MS;
  for (;;) {
    try {
      return await fetchStatus(home);
    } catch (error) {
      if (!isFustorError(error, "FUSTOR_AGENT_STOPPED")) throw error;
    }
    const found = await occupancyOf(home);
    if (found.kind === "nobody") return undefined;
    if (performance.now() >= deadline) {
      const who =
        found.kind === "here" ? `the agent (PID ${found.agent.pid})` : "an agent of another container or machine";
      throw new FustorError("FUSTOR_INTERNAL", `${who} has ${home}, but its control socket does not answer`);
    }
    await pause(POLL_MS);
  }
}

function textOf(current: AgentStatus, { json }: StatusCommandOptions, terminal: Terminal): string {
  if (json !== true) return formatStatus(current);
  const text = JSON.stringify(current);
  return terminal.isInteractive ? jsonForTerminal(text) : text;
}

/** Until a user ends it. A file gets one JSON text, or one picture, below the other. */
async function watchStatus(home: string, options: StatusCommandOptions, terminal: Terminal): Promise<number> {
  let isThere = false;
  const everyMs = 1000 * (typeof options.watch === "number" ? options.watch : USUAL_SECONDS);
  const frame = async (): Promise<string> => {
    const current = await statusOrNobody(home);
    isThere = current !== undefined;
    return current === undefined ? stoppedText(home, options) : textOf(current, options, terminal);
  };
  await refresh({ everyMs, terminal, frame });
  return isThere ? EXIT.done : EXIT.stopped;
}

export const USUAL_SECONDS = 2;

export async function status(options: StatusCommandOptions, terminal: Terminal): Promise<number> {
  const home = resolveHome(process.env);
  if (options.watch !== undefined) return watchStatus(home, options, terminal);
  const current = await statusOrNobody(home);
  if (current === undefined) {
    await terminal.line(stoppedText(home, options));
    return EXIT.stopped;
  }
  await terminal.line(textOf(current, options, terminal));
  return EXIT.done;
}
