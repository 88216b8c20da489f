/** What the doctor says of one thing: `ok`, a `note` (worth knowing, the agent works), or a `problem`. */
export type Severity = "ok" | "note" | "problem";

export interface Finding {
  /** Which look it came from, such as `sender` or `limits`: the same in every version. */
  readonly check: string;
  /** Which of several: an id of the configuration, a path. */
  readonly about?: string;
  readonly severity: Severity;
  /** One sentence without secrets. */
  readonly what: string;
  /** The command to run, or the edit to make. */
  readonly cure?: string;
}

type Rest = Pick<Finding, "about" | "cure">;

export const ok = (check: string, what: string, rest: Rest = {}): Finding => ({ check, severity: "ok", what, ...rest });
export const note = (check: string, what: string, rest: Rest = {}): Finding => ({
  check,
  severity: "note",
  what,
  ...rest,
});
export const problem = (check: string, what: string, rest: Rest = {}): Finding => ({
  check,
  severity: "problem",
  what,
  ...rest,
});

export const countOf = (findings: readonly Finding[], severity: Severity): number =>
  findings.filter((finding) => finding.severity === severity).length;
