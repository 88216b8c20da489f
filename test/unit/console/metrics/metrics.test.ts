import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import type { AgentStatus } from "../../../../src/agent/agent-status.ts";
import { byId, byPlace, exposition, type Naming } from "../../../../src/console/metrics/exposition.ts";
import {
  AGENT_METRICS,
  type Metric,
  PIPE_METRICS,
  SOURCE_METRICS,
} from "../../../../src/console/metrics/metric-table.ts";
import type { WatchStatus } from "../../../../src/native/watch.ts";
import { COUNTERS } from "../../../../src/pipe/counters.ts";
import { examplePipe, exampleStatus } from "../example-status.ts";

const [archive] = exampleStatus.sources;
/** As the fs source tells it. */
const UNWATCHED: WatchStatus["unwatched"] = { budget: { count: 3, staleMs: 41_000, examples: ["/a/private-name"] } };
const STATUS: AgentStatus = {
  ...exampleStatus,
  pipes: [
    {
      ...examplePipe,
      audit: { ...examplePipe.audit, runs: 3, cutShort: 1, lastCompleteAgoMs: 90_000 },
      bytesSent: 2048,
      backlogAgeMs: 1500,
    },
    { ...examplePipe, id: 'a "quoted"\nid', state: "failed" },
  ],
  sources: [
    {
      ids: ["lab-files"],
      driver: "fs",
      uri: "/data/research",
      status: {
        availability: { state: "available" },
        entries: 104_233,
        watchesUsed: 12,
        unwatched: UNWATCHED,
        unanswered: [{}],
      },
    },
    ...(archive === undefined ? [] : [archive]),
  ],
};

const linesOf = async (status: AgentStatus, naming: Naming): Promise<readonly string[]> =>
  (await exposition(status, naming)).text.split("\n");

test("a status becomes samples with base units and the ids of the configuration", async () => {
  const lines = await linesOf(STATUS, byId);
  for (const line of [
    `fustor_agent_info{version="${STATUS.version}"} 1`,
    'fustor_agent_cpu_seconds_total{mode="user"} 5.2',
    'fustor_pipe_state{pipe="research",state="running"} 1',
    'fustor_pipe_state{pipe="research",state="failed"} 0',
    'fustor_pipe_lag_seconds{pipe="research"} 0.0142',
    'fustor_pipe_backlog_age_seconds{pipe="research"} 1.5',
    'fustor_pipe_rows_sent_total{pipe="research",phase="snapshot"} 104233',
    'fustor_pipe_audit_runs_total{pipe="research"} 3',
    'fustor_pipe_audit_cut_short_total{pipe="research"} 1',
    'fustor_pipe_audit_age_seconds{pipe="research"} 90',
    'fustor_pipe_state{pipe="a \\"quoted\\"\\nid",state="failed"} 1',
    'fustor_source_entries{source="lab-files"} 104233',
    'fustor_source_unwatched_directories{source="lab-files",reason="budget"} 3',
    'fustor_source_unanswered_file_systems{source="lab-files"} 1',
  ]) {
    expect(lines).toContain(line);
  }
});

test("what is not known has no sample", async () => {
  const text = (await linesOf(exampleStatus, byId)).join("\n");
  expect(text).not.toMatch(/^fustor_pipe_audit_age_seconds\{/m);
  expect(text).not.toContain("NaN");
});

test("a driver whose status holds numbers that are none costs no other metric", async () => {
  const [first] = STATUS.sources;
  if (first === undefined) throw new Error("no source");
  const odd = { ...first.status, changes: -1, entries: Number.POSITIVE_INFINITY };
  const text = (await linesOf({ ...STATUS, sources: [{ ...first, status: odd }] }, byId)).join("\n");
  expect(text).not.toMatch(/^fustor_source_(changes_total|entries)\{/m);
  expect(text).toContain('fustor_source_watches{source="lab-files"} 12');
});

test("a reader who may not know names gets the places in the configuration", async () => {
  const text = (await linesOf(STATUS, byPlace)).join("\n");
  expect(text).toContain('fustor_pipe_leader{pipe="1"} 1');
  expect(text).toContain('fustor_pipe_leader{pipe="2"} 1');
  for (const name of ["research", "lab-files", "quoted", "private-name"]) expect(text).not.toContain(name);
});

test("every counter of a pipe is there", async () => {
  const text = (await linesOf(STATUS, byId)).join("\n");
  const counters = Object.values(COUNTERS).flatMap(Object.keys).length;
  const found = new Set(text.match(/^fustor_pipe_\w+_total\{pipe="research"(?:,phase="\w+")?\}/gm));
  // Beside the bytes.
  expect(found.size).toBe(counters + 1);
});

test("promtool has nothing to say about it", async () => {
  const { text } = await exposition(STATUS, byId);
  const { status, stdout, stderr, error } = spawnSync("promtool", ["check", "metrics"], { input: text });
  expect(error, "promtool comes with Debian's package prometheus").toBeUndefined();
  expect(`${stdout}${stderr}`).toBe("");
  expect(status).toBe(0);
});

const rows = (metrics: readonly Metric<never>[]): string =>
  metrics
    .map(
      ({ name, kind, labels = [], help }) =>
        `| \`${name}\` | ${kind} | ${labels.map((l) => `\`${l}\``).join(", ")} | ${help} |`,
    )
    .join("\n");

const table = (title: string, metrics: readonly Metric<never>[]): string =>
  `## ${title}\n\n| metric | kind | further labels | meaning |\n|---|---|---|---|\n${rows(metrics)}\n`;

test("docs/metrics.md says of every metric what it means", async () => {
  const file = "../../../../docs/metrics.md";
  const written = readFileSync(new URL(file, import.meta.url), "utf8");
  const introduction = written.slice(0, written.indexOf("## Of the agent"));
  const tables = [
    table("Of the agent", AGENT_METRICS),
    table("Of each pipe", PIPE_METRICS),
    table("Of each source", SOURCE_METRICS),
  ];
  await expect(`${introduction}${tables.join("\n")}`).toMatchFileSnapshot(file);
});

test("what the alerts and the dashboard ask for exists", async () => {
  const { text } = await exposition(STATUS, byId);
  const known = new Set(text.match(/^# TYPE (\w+)/gm)?.map((line) => line.slice("# TYPE ".length)));
  for (const file of ["share/prometheus/fustor-agent-alerts.yml", "share/grafana/fustor-agent.json"]) {
    const asked =
      readFileSync(new URL(`../../../../${file}`, import.meta.url), "utf8").match(
        /\bfustor_(?:agent|pipe|source)_\w+/g,
      ) ?? [];
    expect(asked.length, file).toBeGreaterThan(5);
    expect(
      asked.filter((name) => !known.has(name)),
      file,
    ).toEqual([]);
  }
});

test("promtool accepts the alerts", () => {
  const rules = new URL("../../../../share/prometheus/fustor-agent-alerts.yml", import.meta.url).pathname;
  const { status, stdout, stderr, error } = spawnSync("promtool", ["check", "rules", rules]);
  expect(error, "promtool comes with Debian's package prometheus").toBeUndefined();
  expect(status, `${stdout}${stderr}`).toBe(0);
});
