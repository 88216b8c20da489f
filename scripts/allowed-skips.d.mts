export interface Skip {
  /** The test's full name; for vitest `file > suites and test`. */
  readonly test: string;
  readonly why: string;
}
export function judgeSkips(suite: "native" | "vitest", skips: readonly Skip[], env?: NodeJS.ProcessEnv): boolean;
