import type { AgentStatus, PipeReport } from "../../agent/agent-status.ts";
import { snapshotWord } from "../../agent/snapshot-word.ts";
import { resolveHome } from "../../config/home.ts";
import { EXIT } from "../exit-codes.ts";
import { refresh } from "../refreshed.ts";
import { formatBytes, formatDuration, formatTable, printable } from "../table.ts";
import type { Terminal } from "../terminal.ts";
import { statusOrNobody } from "./status.ts";

export interface TopOptions {
  /** Seconds between two looks. */
  readonly interval: number;
}

/** One look, and when it was taken. */
export interface Sample {
  readonly atMs: number;
  readonly status: AgentStatus;
}

const sum = (counts: Readonly<Record<string, number>>): number =>
  Object.values(counts).reduce((all, each) => all + each, 0);

/** Rows per second since the look before; undefined when there was none, or the agent began anew in between. */
function rateOf(pipe: PipeReport, now: Sample, before: Sample | undefined): number | undefined {
  const earlier = before?.status.pipes.find(({ id }) => id === pipe.id);
  if (before === undefined || earlier === undefined || before.status.pid !== now.status.pid) return undefined;
  const rows = sum(pipe.rowsSent) - sum(earlier.rowsSent);
  const ms = now.atMs - before.atMs;
  return rows < 0 || ms <= 0 ? undefined : (1000 * rows) / ms;
}

const SHORT_STATES: Readonly<Record<string, string>> = { waiting_for_source: "no source", key_refused: "key refused" };

/** What the pipe does now. */
export function phaseOf(pipe: PipeReport): string {
  if (pipe.state !== "running") return SHORT_STATES[pipe.state] ?? pipe.state;
  const { snapshotRows: rows, snapshotExpectedRows: expected } = pipe;
  if (pipe.snapshot === "running" || pipe.snapshot === "paused") {
    const word = snapshotWord(pipe);
    if (word !== "running") return `snap ${word}`;
    return expected === undefined || expected === 0
      ? "snapshot"
      : `snap ${Math.min(Math.floor((100 * rows) / expected), 100)}%`;
  }
  if (pipe.rescans.state === "running") return "rescan";
  return pipe.audit.state === "running" ? "audit" : "live";
}

/** 1234 as 1.2k: a table of numbers that fit. */
export function shortCount(count: number): string {
  const units = ["", "k", "M", "G", "T"];
  let [value, unit] = [count, 0];
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return unit === 0 ? `${Math.round(value)}` : `${value < 9.95 ? value.toFixed(1) : Math.round(value)}${units[unit]}`;
}

const LONGEST_ID = 20;
const cut = (text: string, length: number): string => (text.length <= length ? text : `${text.slice(0, length - 1)}~`);

const LARGER_UNITS = [
  [86_400_000, "d"],
  [3_600_000, "h"],
  [60_000, "min"],
] as const;

const lagText = ({ lagMs, backlogAgeMs }: PipeReport): string => {
  const ms = Math.max(lagMs ?? 0, backlogAgeMs ?? 0);
  if (lagMs === undefined && backlogAgeMs === undefined) return "-";
  if (ms < 10_000) return `${Math.round(ms)} ms`;
  const [factor, unit] = LARGER_UNITS.find(([atLeast]) => ms >= atLeast) ?? [1000, "s"];
  return `${Math.floor(ms / factor)} ${unit}`;
};

const HEADER = ["PIPE", "ROLE", "PHASE", "RATE/S", "LAG", "BACKLOG", "ERRORS"];

function rowOf(pipe: PipeReport, now: Sample, before: Sample | undefined): readonly string[] {
  const rate = rateOf(pipe, now, before);
  return [
    cut(printable(pipe.id), LONGEST_ID),
    pipe.role ?? "-",
    phaseOf(pipe),
    rate === undefined ? "-" : shortCount(rate),
    lagText(pipe),
    shortCount(pipe.backlog),
    shortCount(pipe.failures),
  ];
}

/** What stands below the table: why pipes do not run. */
const reasonsOf = ({ pipes }: AgentStatus): readonly string[] =>
  pipes
    .filter(({ state }) => state !== "running")
    .map(({ id, info }) => `${cut(printable(id), LONGEST_ID)}: ${printable(info)}`);

/** One screen. At most 80 columns, but for the reasons. */
export function formatTop(now: Sample, before: Sample | undefined): string {
  const { status } = now;
  const load = `${formatBytes(status.rssBytes)}, ${status.cpu.percent.toFixed(0)} % CPU`;
  const head = `${status.state.toUpperCase()}  PID ${status.pid}, up ${formatDuration(status.uptimeMs)}, ${load}`;
  const rows = status.pipes.map((pipe) => rowOf(pipe, now, before));
  return [head, "", formatTable(HEADER, rows), "", ...reasonsOf(status)].join("\n").trimEnd();
}

/** For a file or a program: each pipe on a line of its own, with the time. */
export function formatTopLines(now: Sample, before: Sample | undefined): string {
  const time = new Date(now.atMs).toISOString();
  if (now.status.pipes.length === 0) return `${time} ${now.status.state}: no pipe`;
  const names = HEADER.slice(1).map((name) => name.toLowerCase());
  return now.status.pipes
    .map((pipe) => {
      const [id, ...values] = rowOf(pipe, now, before);
      return `${time} ${id} ${values.map((value, at) => `${names[at]}=${value.replaceAll(" ", "_")}`).join(" ")}`;
    })
    .join("\n");
}

export async function top({ interval }: TopOptions, terminal: Terminal): Promise<number> {
  const home = resolveHome(process.env);
  let before: Sample | undefined;
  const frame = async (): Promise<string> => {
    const status = await statusOrNobody(home);
    if (status === undefined) {
      before = undefined;
      return `STOPPED  ${home}`;
    }
    const now = { atMs: Date.now(), status };
    const text = terminal.isInteractive ? formatTop(now, before) : formatTopLines(now, before);
    before = now;
    return text;
  };
  await refresh({ everyMs: interval * 1000, terminal, frame });
  return before === undefined ? EXIT.stopped : EXIT.done;
}
