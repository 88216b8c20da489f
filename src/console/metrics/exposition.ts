/** The metrics of a status as text that Prometheus reads. */
import { Counter, Gauge, Registry } from "prom-client";
import type { AgentStatus } from "../../agent/agent-status.ts";
import { AGENT_METRICS, type Metric, PIPE_METRICS, type Reading, type Sample, SOURCE_METRICS } from "./metric-table.ts";

/** What a pipe or a source is called in the labels, given its place in the configuration. */
export type Naming = (id: string, place: number) => string;

/** For a reader who may know the ids of the configuration. */
export const byId: Naming = (id) => id;
/** For everyone else: the first is `1`. */
export const byPlace: Naming = (_, place) => String(place + 1);

const listOf = (reading: Reading): readonly Sample[] =>
  typeof reading === "object" ? reading : reading === undefined ? [] : [{ value: Number(reading) }];

/** A driver may say anything of itself: one number that is none must not cost the others. */
const samplesOf = (reading: Reading, kind: "counter" | "gauge"): readonly Sample[] =>
  listOf(reading).filter(({ value }) => Number.isFinite(value) && (kind === "gauge" || value >= 0));

interface Labelled<T> {
  readonly from: T;
  readonly labels: Readonly<Record<string, string>>;
}

function register<T>(registry: Registry, metrics: readonly Metric<T>[], of: readonly Labelled<T>[], label?: string) {
  for (const { name, kind, help, labels = [], read } of metrics) {
    const labelNames = label === undefined ? [...labels] : [label, ...labels];
    const options = { name, help, labelNames, registers: [registry] };
    const add = kind === "counter" ? adderOf(new Counter(options)) : setterOf(new Gauge(options));
    for (const { from, labels: outer } of of) {
      for (const sample of samplesOf(read(from), kind)) add({ ...outer, ...sample.labels }, sample.value);
    }
  }
}

type Take = (labels: Readonly<Record<string, string>>, value: number) => void;
const adderOf =
  (counter: Counter): Take =>
  (labels, value) =>
    counter.inc({ ...labels }, value);
const setterOf =
  (gauge: Gauge): Take =>
  (labels, value) =>
    gauge.set({ ...labels }, value);

const labelled = <T>(label: string, all: readonly T[], idOf: (one: T) => string, naming: Naming): Labelled<T>[] =>
  all.map((from, place) => ({ from, labels: { [label]: naming(idOf(from), place) } }));

export interface Exposition {
  readonly contentType: string;
  readonly text: string;
}

export async function exposition(status: AgentStatus, naming: Naming): Promise<Exposition> {
  const registry = new Registry();
  register(registry, AGENT_METRICS, [{ from: status, labels: {} }]);
  const { pipes, sources } = status;
  register(
    registry,
    PIPE_METRICS,
    labelled("pipe", pipes, ({ id }) => id, naming),
    "pipe",
  );
  // Entries of the configuration that share a source are one source.
  register(
    registry,
    SOURCE_METRICS,
    labelled("source", sources, ({ ids }) => ids.join(","), naming),
    "source",
  );
  return { contentType: registry.contentType, text: await registry.metrics() };
}
