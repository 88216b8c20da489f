/** What a reload did, as the control socket, the log and `fustor-agent reload` tell it. */

import type { NotStarted } from "../../config/select.ts";
import { omitUndefined } from "../../sdk/index.ts";
import type { ReloadPlan } from "./reload-plan.ts";

export type ReloadAction = "started" | "stopped" | "restarted" | "unchanged";

export interface ReloadedPipe {
  readonly pipe: string;
  readonly action: ReloadAction;
  /** Why, in words; of `restarted` the keys that changed. */
  readonly reasons: readonly string[];
  /** Why it does not run although it should. */
  readonly failure?: string;
}

/** What a report of a plan is made of. */
export interface ReloadFacts {
  readonly plan: ReloadPlan;
  /** The pipes that are to run, in order. */
  readonly wanted: readonly string[];
  readonly notStarted: readonly NotStarted[];
  /** Those that were there before, with why they had failed. */
  readonly before: ReadonlyMap<string, { readonly failure: string | undefined }>;
  /** Why a pipe does not run now; a preview knows nothing of it. */
  failure(pipe: string): string | undefined;
}

const GOES_ON = "its session goes on with the new credential";

/** What goes first, then the rest in the order of the configuration. */
export function reloadedPipes(facts: ReloadFacts): readonly ReloadedPipe[] {
  const { plan, wanted, notStarted } = facts;
  const changed = new Map(plan.changed.map(({ pipe, reasons }) => [pipe, reasons]));
  const removed = plan.removed.map((pipe): ReloadedPipe => {
    const reason = notStarted.find((each) => each.pipe.id === pipe)?.reason;
    return { pipe, action: "stopped", reasons: [reason ?? "it is not in the configuration any more"] };
  });
  const others = wanted.map((pipe): ReloadedPipe => {
    if (plan.taken?.includes(pipe)) return { pipe, action: "unchanged", reasons: [GOES_ON] };
    if (plan.unchanged.includes(pipe)) return { pipe, action: "unchanged", reasons: [] };
    const failed = omitUndefined({ failure: facts.failure(pipe) });
    const reasons = changed.get(pipe);
    if (reasons !== undefined) return { pipe, action: "restarted", reasons, ...failed };
    const earlier = facts.before.get(pipe);
    const why = earlier === undefined ? [] : [earlier.failure === undefined ? "it was stopped" : "it had failed"];
    return { pipe, action: "started", reasons: why, ...failed };
  });
  return [...removed, ...others];
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
