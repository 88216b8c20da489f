/** What a source of files says of itself beside what every source says. Other sources lack these members. */
import type { SourceReport } from "../../agent/agent-status.ts";
import type { Unanswered, Unreadable, Unwatched, WatchStatus } from "../../native/watch.ts";
import type { SweepFacts } from "../../sdk/source-driver.ts";

export type FsFacts = Partial<WatchStatus> & {
  readonly sweep?: SweepFacts;
  readonly notes?: readonly string[];
  /** What cures each cause of `unwatched`. */
  readonly cures?: Readonly<Record<string, string>>;
};

export const fsFacts = ({ status }: SourceReport): FsFacts => status as unknown as FsFacts;

export interface LedgerLine extends Unwatched {
  readonly cause: string;
  readonly cure: string | undefined;
}

/** Directories without a watch, by cause. */
export const unwatchedLines = ({ unwatched = {}, cures = {} }: FsFacts): readonly LedgerLine[] =>
  Object.entries(unwatched).map(([cause, line]) => ({ ...line, cause, cure: cures[cause] }));

export const unreadableLines = ({
  unreadableBy = {},
}: FsFacts): readonly (Unreadable & { readonly reason: string })[] =>
  Object.entries(unreadableBy).map(([reason, line]) => ({ ...line, reason }));

export const unansweredPlaces = ({ unanswered = [] }: FsFacts): readonly Unanswered[] => unanswered;

/** The command in the cure of a cause, when it ends with one. */
export const commandIn = (cure: string): string | undefined => /(sysctl (?:-w )?\S+=\S+)$/.exec(cure)?.[1];
