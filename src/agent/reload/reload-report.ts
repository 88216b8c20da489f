/** What a reload did, as the control socket, the log and `fustor-agent reload` tell it. */

export type ReloadAction = "started" | "stopped" | "restarted" | "unchanged";

export interface ReloadedPipe {
  readonly pipe: string;
  readonly action: ReloadAction;
  /** Why, in words; of `restarted` the keys that changed. */
  readonly reasons: readonly string[];
  /** Why it does not run although it should. */
  readonly failure?: string;
}

export interface ReloadReport {
  readonly pipes: readonly ReloadedPipe[];
  /** What a reload cannot change, and what else is worth knowing. */
  readonly notes: readonly string[];
}

export type ReloadOutcome =
  | ({ readonly kind: "done" } & ReloadReport)
  /** The old configuration goes on. */
  | { readonly kind: "refused"; readonly code: string; readonly message: string };

/** A pipe that the running agent was asked to start. */
export interface StartedPipe {
  readonly pipe: string;
  /** It ran before it was asked for. */
  readonly ran: boolean;
  readonly failure?: string;
}

export type StartOutcome =
  | { readonly kind: "done"; readonly pipes: readonly StartedPipe[] }
  | { readonly kind: "refused"; readonly code: string; readonly message: string };

export const hasFailed = (report: ReloadReport): boolean => report.pipes.some(({ failure }) => failure !== undefined);

/** One line a pipe: `restarted  p1  sender s1: credential`. */
export function reloadLine({ pipe, action, reasons, failure }: ReloadedPipe): string {
  const why = failure === undefined ? reasons : [...reasons, `failed: ${failure}`];
  return `${action.padEnd(9)}  ${pipe}${why.length === 0 ? "" : `  ${why.join("; ")}`}`;
}
