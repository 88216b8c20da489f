/**
 * One hour of what pipes do, in memory: so that a page that is opened in the middle of the night shows what came before.
 * Every 10 s one point, 360 of them; about 9 KB for each pipe.
 */
import type { AgentStatus, PipeReport } from "../agent/agent-status.ts";

export const EVERY_MS = 10_000;
const POINTS = 360;

/** Columns of the same length: what a chart takes. */
export interface Series {
  /** Epoch milliseconds. */
  readonly at: readonly number[];
  readonly rowsPerSecond: readonly number[];
  readonly backlog: readonly number[];
  /** Null where nothing was acknowledged yet. */
  readonly lagMs: readonly (number | null)[];
}

export interface AgentSeries extends Series {
  readonly rssBytes: readonly number[];
  readonly cpuPercent: readonly number[];
}

interface Sample {
  readonly at: number;
  readonly rows: number;
  readonly backlog: number;
  readonly lagMs: number | null;
}

const rowsOf = ({ rowsSent }: PipeReport): number =>
  rowsSent.message + rowsSent.snapshot + rowsSent.audit + rowsSent.on_demand_job;

const rate = (before: Sample | undefined, { at, rows }: Sample): number => {
  if (before === undefined || at <= before.at) return 0;
  // Counters begin anew with a pipe that was started again.
  return Math.max(0, Math.round(((rows - before.rows) / (at - before.at)) * 10_000) / 10);
};

const seriesOf = (samples: readonly Sample[]): Series => ({
  at: samples.map(({ at }) => at),
  rowsPerSecond: samples.map((sample, index) => rate(samples[index - 1], sample)),
  backlog: samples.map(({ backlog }) => backlog),
  lagMs: samples.map(({ lagMs }) => lagMs),
});

const added = <T>(points: readonly T[] | undefined, point: T): readonly T[] => [
  ...(points ?? []).slice(1 - POINTS),
  point,
];

export class History {
  #pipes = new Map<string, readonly Sample[]>();
  #all: readonly Sample[] = [];
  #process: readonly { readonly rssBytes: number; readonly cpuPercent: number }[] = [];
  #busy: { readonly at: number; readonly ms: number } | undefined;

  /** `at`: epoch milliseconds. */
  note({ pipes, rssBytes, cpu }: Pick<AgentStatus, "pipes" | "rssBytes" | "cpu">, at: number): void {
    const samples = new Map(pipes.map((pipe) => [pipe.id, sampleOf(pipe, at)]));
    this.#pipes = new Map([...samples].map(([id, sample]) => [id, added(this.#pipes.get(id), sample)]));
    this.#all = added(this.#all, totalOf([...samples.values()], at));
    const ms = cpu.userMs + cpu.systemMs;
    const cpuPercent = this.#busy === undefined ? 0 : ((ms - this.#busy.ms) / Math.max(1, at - this.#busy.at)) * 100;
    this.#busy = { at, ms };
    this.#process = added(this.#process, { rssBytes, cpuPercent: Math.max(0, Math.round(cpuPercent * 10) / 10) });
  }

  agent(): AgentSeries {
    return {
      ...seriesOf(this.#all),
      rssBytes: this.#process.map(({ rssBytes }) => rssBytes),
      cpuPercent: this.#process.map(({ cpuPercent }) => cpuPercent),
    };
  }

  /** Undefined when there is no such pipe. */
  pipe(id: string): Series | undefined {
    const samples = this.#pipes.get(id);
    return samples && seriesOf(samples);
  }
}

const sampleOf = (pipe: PipeReport, at: number): Sample => ({
  at,
  rows: rowsOf(pipe),
  backlog: pipe.backlog,
  lagMs: pipe.lagMs ?? null,
});

function totalOf(samples: readonly Sample[], at: number): Sample {
  const lags = samples.flatMap(({ lagMs }) => (lagMs === null ? [] : [lagMs]));
  return {
    at,
    rows: samples.reduce((sum, { rows }) => sum + rows, 0),
    backlog: samples.reduce((sum, { backlog }) => sum + backlog, 0),
    lagMs: lags.length === 0 ? null : Math.max(...lags),
  };
}

/** Until the returned function is called. */
export function keepHistory(history: History, status: () => AgentStatus): () => void {
  const note = (): void => history.note(status(), Date.now());
  const timer = setInterval(note, EVERY_MS).unref();
  note();
  return () => clearInterval(timer);
}
