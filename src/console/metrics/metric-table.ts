/**
 * Every metric, written down once: `/metrics` and docs/metrics.md come from this table, and the counters of pipes in it
 * from src/pipe/counters.ts, as those of `status` do. Names and units follow the rules of Prometheus: base units
 * (seconds, bytes), `_total` for what only grows.
 */
import type { AgentState, AgentStatus, PipeReport, SourceReport } from "../../agent/agent-status.ts";
import { COUNTERS, type Counter, type CounterGroup } from "../../pipe/counters.ts";
import type { PipeState } from "../../pipe/pipe-status.ts";

export type Labels = Readonly<Record<string, string>>;

export interface Sample {
  readonly value: number;
  /** Beside the label of the pipe or the source. */
  readonly labels?: Labels;
}

/** What is not known has no sample. */
export type Reading = number | boolean | undefined | readonly Sample[];

export interface Metric<T> {
  readonly name: string;
  readonly kind: "counter" | "gauge";
  readonly help: string;
  /** Names of the labels that the samples carry themselves. */
  readonly labels?: readonly string[];
  read(from: T): Reading;
}

const AGENT_STATES = {
  starting: 0,
  running: 0,
  draining: 0,
  stopped: 0,
} as const satisfies Record<AgentState, number>;

const PIPE_STATES = {
  stopped: 0,
  connecting: 0,
  running: 0,
  waiting_for_source: 0,
  reconnecting: 0,
  key_refused: 0,
  standby: 0,
  draining: 0,
  failed: 0,
} as const satisfies Record<PipeState, number>;

/** A sample for each state, 1 for the one that holds. */
const oneOf = (states: object, state: string): readonly Sample[] =>
  Object.keys(states).map((name) => ({ labels: { state: name }, value: name === state ? 1 : 0 }));

/** To the microsecond. */
const seconds = (ms: number | undefined): number | undefined =>
  ms === undefined ? undefined : Math.round(ms * 1000) / 1e6;

export const AGENT_METRICS: readonly Metric<AgentStatus>[] = [
  {
    name: "fustor_agent_info",
    kind: "gauge",
    help: "Always 1. The version of the agent is its label.",
    labels: ["version"],
    read: ({ version }) => [{ labels: { version }, value: 1 }],
  },
  {
    name: "fustor_agent_state",
    kind: "gauge",
    help: "1 for the state in which the agent is.",
    labels: ["state"],
    read: ({ state }) => oneOf(AGENT_STATES, state),
  },
  {
    name: "fustor_agent_start_time_seconds",
    kind: "gauge",
    help: "When the agent started, in seconds since 1970.",
    read: ({ startedAt }) => Date.parse(startedAt) / 1000,
  },
  {
    name: "fustor_agent_cpu_seconds_total",
    kind: "counter",
    help: "CPU time of the process.",
    labels: ["mode"],
    read: ({ cpu }) => [
      { labels: { mode: "user" }, value: cpu.userMs / 1000 },
      { labels: { mode: "system" }, value: cpu.systemMs / 1000 },
    ],
  },
  {
    name: "fustor_agent_resident_memory_bytes",
    kind: "gauge",
    help: "Memory of the process.",
    read: ({ rssBytes }) => rssBytes,
  },
  {
    name: "fustor_agent_descriptors_exhausted",
    kind: "gauge",
    help: "1 while the process has no file descriptor left.",
    read: ({ descriptors }) => descriptors.exhausted,
  },
];

const snakeCase = (name: string): string => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

/** `batchesSent` -> `fustor_pipe_batches_sent_total`, `rescans.cutShort` -> `fustor_pipe_rescans_cut_short_total`. */
function counterName(group: CounterGroup, name: string): string {
  return `fustor_pipe_${group === "pipe" ? "" : `${snakeCase(group)}_`}${snakeCase(name)}_total`;
}

const countsOf = (pipe: PipeReport, group: CounterGroup): Readonly<Record<string, unknown>> =>
  (group === "pipe" ? pipe : pipe[group]) as unknown as Readonly<Record<string, unknown>>;

const GROUPS = Object.entries(COUNTERS) as readonly (readonly [CounterGroup, Readonly<Record<string, Counter>>])[];

/** Phases of rows are one metric with a label, as they can be added up. */
const PIPE_COUNTERS: readonly Metric<PipeReport>[] = GROUPS.filter(([group]) => group !== "rowsSent").flatMap(
  ([group, counters]) =>
    Object.entries(counters).map(([name, { unit, help }]) => ({
      name: counterName(group, name),
      kind: "counter" as const,
      help: `In ${unit}. ${help}`,
      read: (pipe: PipeReport) => Number(countsOf(pipe, group)[name]),
    })),
);

export const PIPE_METRICS: readonly Metric<PipeReport>[] = [
  {
    name: "fustor_pipe_state",
    kind: "gauge",
    help: "1 for the state in which the pipe is.",
    labels: ["state"],
    read: ({ state }) => oneOf(PIPE_STATES, state),
  },
  {
    name: "fustor_pipe_session",
    kind: "gauge",
    help: "1 while the pipe has a session with the receiver.",
    read: ({ session }) => session !== undefined,
  },
  {
    name: "fustor_pipe_leader",
    kind: "gauge",
    help: "1 while the receiver has this pipe lead. A follower sends realtime changes alone.",
    read: ({ role }) => role === "leader",
  },
  {
    name: "fustor_pipe_backlog_changes",
    kind: "gauge",
    help: "Realtime changes that the receiver has not accepted yet.",
    read: ({ backlog }) => backlog,
  },
  {
    name: "fustor_pipe_backlog_age_seconds",
    kind: "gauge",
    help: "How long the oldest of them has been waiting, 0 when there is none.",
    read: ({ backlogAgeMs }) => seconds(backlogAgeMs ?? 0),
  },
  {
    name: "fustor_pipe_lag_seconds",
    kind: "gauge",
    help: "From the event of the kernel to the receiver's answer, of the newest realtime batch.",
    read: ({ lagMs }) => seconds(lagMs),
  },
  {
    name: "fustor_pipe_committed_time_seconds",
    kind: "gauge",
    help: "Time of the newest realtime change that the receiver accepted, in seconds since 1970.",
    read: ({ committedIndex }) => (committedIndex < 0 ? undefined : committedIndex / 1000),
  },
  {
    name: "fustor_pipe_clock_skew_seconds",
    kind: "gauge",
    help: "The receiver's clock minus the agent's.",
    read: ({ clockSkewMs }) => seconds(clockSkewMs),
  },
  {
    name: "fustor_pipe_rows_sent_total",
    kind: "counter",
    help: "Rows that the receiver accepted.",
    labels: ["phase"],
    read: ({ rowsSent }) => Object.entries(rowsSent).map(([phase, value]) => ({ labels: { phase }, value })),
  },
  {
    name: "fustor_pipe_sent_bytes_total",
    kind: "counter",
    help: "Bytes of bodies with events that the receiver answered, as they were on the wire.",
    read: ({ bytesSent }) => bytesSent,
  },
  ...PIPE_COUNTERS,
  {
    name: "fustor_pipe_snapshot_running",
    kind: "gauge",
    help: "1 while a snapshot runs.",
    read: ({ snapshot }) => snapshot === "running",
  },
  {
    name: "fustor_pipe_snapshot_paused_seconds",
    kind: "gauge",
    help: "How long an operator has paused the snapshot, 0 when none is paused so.",
    read: ({ snapshotPausedForMs }) => seconds(snapshotPausedForMs ?? 0),
  },
  {
    name: "fustor_pipe_snapshot_rows",
    kind: "gauge",
    help: "Rows that the newest snapshot has sent so far.",
    read: ({ snapshotRows }) => snapshotRows,
  },
  {
    name: "fustor_pipe_snapshot_expected_rows",
    kind: "gauge",
    help: "Rows that the newest snapshot will have, when that is known.",
    read: ({ snapshotExpectedRows }) => snapshotExpectedRows,
  },
  {
    name: "fustor_pipe_audit_age_seconds",
    kind: "gauge",
    help: "Since the end of the last complete audit.",
    read: ({ audit }) => seconds(audit.lastCompleteAgoMs),
  },
  {
    name: "fustor_pipe_rescans_pending_directories",
    kind: "gauge",
    help: "Directories that a rescan has still to send.",
    read: ({ rescans }) => rescans.pending,
  },
];

/** Facts of a source are its driver's: only numbers are taken. */
const fact =
  (name: string) =>
  ({ status }: SourceReport): number | undefined => {
    const value = status[name];
    return typeof value === "number" ? value : undefined;
  };

interface Counted {
  readonly count?: unknown;
}

function unwatched({ driver, status }: SourceReport): readonly Sample[] {
  const byReason = status.unwatched;
  // The reasons of other drivers are not known, and could be names.
  if (driver !== "fs" || typeof byReason !== "object" || byReason === null) return [];
  return Object.entries(byReason as Readonly<Record<string, Counted | null>>).flatMap(([reason, line]) =>
    typeof line?.count === "number" ? [{ labels: { reason }, value: line.count }] : [],
  );
}

export const SOURCE_METRICS: readonly Metric<SourceReport>[] = [
  {
    name: "fustor_source_available",
    kind: "gauge",
    help: "1 while the source is there and its first look at everything is done.",
    read: ({ status }) => status.availability.state === "available",
  },
  { name: "fustor_source_entries", kind: "gauge", help: "Entries that the source knows.", read: fact("entries") },
  {
    name: "fustor_source_directories",
    kind: "gauge",
    help: "Directories among them (fs).",
    read: fact("directories"),
  },
  {
    name: "fustor_source_table_bytes",
    kind: "gauge",
    help: "Memory of the tree table (fs).",
    read: fact("tableBytes"),
  },
  {
    name: "fustor_source_watches",
    kind: "gauge",
    help: "inotify watches in use (fs).",
    read: fact("watchesUsed"),
  },
  {
    name: "fustor_source_watches_limit",
    kind: "gauge",
    help: "inotify watches that the source may use; 0 = it needs none (fs).",
    read: fact("watchesLimit"),
  },
  {
    name: "fustor_source_unwatched_directories",
    kind: "gauge",
    help: "Directories without a watch, which the source polls (fs).",
    labels: ["reason"],
    read: unwatched,
  },
  {
    name: "fustor_source_unreadable_directories",
    kind: "gauge",
    help: "Directories that cannot be read (fs).",
    read: fact("unreadable"),
  },
  {
    name: "fustor_source_unanswered_file_systems",
    kind: "gauge",
    help: "File systems that do not answer at the moment (fs).",
    read: ({ status }) => (Array.isArray(status.unanswered) ? status.unanswered.length : undefined),
  },
  {
    name: "fustor_source_kernel_events_total",
    kind: "counter",
    help: "Events of the kernel (fs).",
    read: fact("rawEvents"),
  },
  {
    name: "fustor_source_changes_total",
    kind: "counter",
    help: "Differences that the source found and reported (fs).",
    read: fact("changes"),
  },
  {
    name: "fustor_source_overflows_total",
    kind: "counter",
    help: "Times that the kernel dropped events: the source looked at everything again (fs).",
    read: fact("overflows"),
  },
  {
    name: "fustor_source_walks_total",
    kind: "counter",
    help: "Times that the source looked at everything again, for whatever reason (fs).",
    read: fact("resyncs"),
  },
];
