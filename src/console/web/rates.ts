/** Rates of now, from the counters of the last answers. Pure. */
import type { PipeReport } from "../../agent/agent-status.ts";

export interface Rates {
  readonly rowsPerSecond: number;
  readonly bytesPerSecond: number;
}

interface Point {
  readonly at: number;
  readonly rows: number;
  readonly bytes: number;
}

/** The rate over this many answers: one alone jumps. */
const MOST_POINTS = 5;
const NONE: Rates = { rowsPerSecond: 0, bytesPerSecond: 0 };

type Counted = Pick<PipeReport, "id" | "rowsSent"> & { readonly bytesSent?: number };

const pointOf = ({ rowsSent, bytesSent = 0 }: Counted, at: number): Point => ({
  at,
  rows: rowsSent.message + rowsSent.snapshot + rowsSent.audit + rowsSent.on_demand_job,
  bytes: bytesSent,
});

export class RateMeter {
  #points = new Map<string, readonly Point[]>();

  note(pipes: readonly Counted[], at: number): void {
    this.#points = new Map(
      pipes.map((pipe) => {
        const point = pointOf(pipe, at);
        const earlier = this.#points.get(pipe.id) ?? [];
        const begunAnew = (earlier.at(-1)?.rows ?? 0) > point.rows;
        return [pipe.id, begunAnew ? [point] : [...earlier.slice(1 - MOST_POINTS), point]];
      }),
    );
  }

  of(pipe: string): Rates {
    const points = this.#points.get(pipe) ?? [];
    const [first, last] = [points[0], points.at(-1)];
    if (first === undefined || last === undefined || last.at <= first.at) return NONE;
    const seconds = (last.at - first.at) / 1000;
    return { rowsPerSecond: (last.rows - first.rows) / seconds, bytesPerSecond: (last.bytes - first.bytes) / seconds };
  }

  total(): number {
    return [...this.#points.keys()].reduce((sum, pipe) => sum + this.of(pipe).rowsPerSecond, 0);
  }
}
