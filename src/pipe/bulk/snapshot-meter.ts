/** How fast a snapshot goes and when it will be done, in status and every ten seconds in the log. */
import type { Logger } from "../../sdk/index.ts";
import type { Ambience } from "../pipe-options.ts";
import type { Progress } from "./bulk-reader.ts";

const REPORT_MS = 10_000;

export interface SnapshotPace {
  readonly rowsPerSecond: number;
  /** When a total is known. */
  readonly etaMs?: number;
}

export function paceOf({ rows, expectedRows }: Progress, elapsedMs: number): SnapshotPace {
  const rowsPerSecond = elapsedMs > 0 ? Math.round((rows * 1000) / elapsedMs) : 0;
  if (expectedRows === undefined || rows === 0) return { rowsPerSecond };
  return { rowsPerSecond, etaMs: Math.round((Math.max(expectedRows - rows, 0) * elapsedMs) / rows) };
}

export class SnapshotMeter {
  readonly #ambience: Pick<Ambience, "now" | "setTimer">;
  readonly #logger: Logger;
  readonly #progress: () => Progress;
  #begunAt: number | undefined;
  #pausedAt: number | undefined;
  #cancelTimer: () => void = () => undefined;

  constructor(ambience: Pick<Ambience, "now" | "setTimer">, logger: Logger, progress: () => Progress) {
    this.#ambience = ambience;
    this.#logger = logger;
    this.#progress = progress;
  }

  /** A pass begins. */
  begin(): void {
    this.end();
    this.#begunAt = this.#ambience.now();
    this.#schedule();
  }

  end(): void {
    this.#cancelTimer();
    this.#begunAt = undefined;
    this.#pausedAt = undefined;
  }

  /** Until `resume` no time passes. */
  pause(): void {
    if (this.#begunAt === undefined) return;
    this.#cancelTimer();
    this.#pausedAt = this.#ambience.now();
  }

  resume(): void {
    if (this.#begunAt === undefined || this.#pausedAt === undefined) return;
    this.#begunAt += this.#ambience.now() - this.#pausedAt;
    this.#pausedAt = undefined;
    this.#schedule();
  }

  /** undefined when no pass runs, or it is paused. */
  get pace(): SnapshotPace | undefined {
    if (this.#begunAt === undefined || this.#pausedAt !== undefined) return undefined;
    return paceOf(this.#progress(), this.#ambience.now() - this.#begunAt);
  }

  #schedule(): void {
    this.#cancelTimer = this.#ambience.setTimer(REPORT_MS, () => {
      this.#report();
      this.#schedule();
    });
  }

  #report(): void {
    const { rows, expectedRows } = this.#progress();
    const percent =
      expectedRows === undefined || expectedRows === 0
        ? undefined
        : Math.min(Math.floor((100 * rows) / expectedRows), 100);
    const facts = { rows, ...this.pace, ...(percent === undefined ? {} : { expectedRows, percent }) };
    this.#logger.info(facts, percent === undefined ? "the snapshot goes on" : `the snapshot is at ${percent} %`);
  }
}
