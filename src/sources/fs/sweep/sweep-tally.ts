/** What a sweep has done so far, in numbers. */
import type { NativeSweepReport, SweepVerdicts } from "../../../native/sweep.ts";
import type { EndedSweep, SweepMode, SweepOutcome, SweepProgress } from "../../../sdk/index.ts";

/** With what was found out until now. */
export interface TalliedProgress extends SweepProgress {
  readonly verdicts: SweepVerdicts;
}

const NOTHING: SweepVerdicts = {
  same: 0,
  differs: 0,
  gone: 0,
  unreadable: 0,
  hashed: 0,
  changed: 0,
  tooLarge: 0,
  tooYoung: 0,
  offline: 0,
};
const NAMES = Object.keys(NOTHING) as readonly (keyof SweepVerdicts)[];

const EXAMPLES = 20;

/** The newest paths first, and no more of them than people read. */
export const latest = (paths: readonly string[], before: readonly string[]): readonly string[] =>
  [...paths, ...before].slice(0, EXAMPLES);

export class SweepTally {
  readonly mode: SweepMode;
  readonly #expected: number;
  readonly #now: () => number;
  readonly #begunAt: number;
  #pausedMs = 0;
  #pausedAt: number | undefined;
  #looked = 0;
  #readBytes = 0;
  #skipped = 0;
  #corrupted = 0;
  #corruptedPaths: readonly string[] = [];
  #verdicts = NOTHING;

  constructor(mode: SweepMode, expected: number, now: () => number) {
    this.mode = mode;
    this.#expected = expected;
    this.#now = now;
    this.#begunAt = now();
  }

  add({ looks, missed, readBytes, verdicts, corrupted, corruptedPaths }: NativeSweepReport): void {
    this.skip(missed);
    this.#corrupted += corrupted;
    this.#corruptedPaths = latest(corruptedPaths, this.#corruptedPaths);
    this.#looked += looks;
    this.#readBytes += readBytes;
    const sums = NAMES.map((name) => [name, this.#verdicts[name] + verdicts[name]]);
    this.#verdicts = Object.fromEntries(sums) as SweepVerdicts;
  }

  skip(looks: number): void {
    this.#skipped += looks;
  }

  pause(paused: boolean): void {
    if (this.#pausedAt !== undefined) this.#pausedMs += this.#now() - this.#pausedAt;
    this.#pausedAt = paused ? this.#now() : undefined;
  }

  get #workedMs(): number {
    return (this.#pausedAt ?? this.#now()) - this.#begunAt - this.#pausedMs;
  }

  progress(): TalliedProgress {
    const seconds = Math.max(this.#workedMs, 1) / 1000;
    const rate = this.#looked / seconds;
    const left = this.#expected - this.#looked - this.#skipped;
    return {
      mode: this.mode,
      looked: this.#looked,
      expected: this.#expected,
      readBytes: this.#readBytes,
      entriesPerSecond: Math.round(rate),
      bytesPerSecond: Math.round(this.#readBytes / seconds),
      verdicts: this.#verdicts,
      ...(rate > 0 && left > 0 ? { etaMs: Math.round((left / rate) * 1000) } : {}),
    };
  }

  ended(outcome: SweepOutcome): EndedSweep {
    return {
      mode: this.mode,
      outcome,
      looked: this.#looked,
      readBytes: this.#readBytes,
      verdicts: this.#verdicts,
      skipped: this.#skipped,
      corrupted: this.#corrupted,
      corruptedPaths: this.#corruptedPaths,
      elapsedMs: Math.round(this.#now() - this.#begunAt),
    };
  }
}
