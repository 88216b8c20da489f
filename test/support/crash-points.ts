/** Where an agent can be killed. The receiver decides the moment, so no code of the agent knows of it. */
import type { FaultRule, SeenRequest } from "./fault-rules.ts";

export interface CrashPoint {
  readonly name: string;
  /** `start`: while an agent comes up; `live`: in an agent that has been up for a while. */
  readonly during: "start" | "live";
  readonly rule: Pick<FaultRule, "on" | "if">;
  /** The n-th such request, with n below this, is picked by the dice. */
  readonly among: number;
}

/** What becomes of the request at whose sight the agent is killed. */
export type CrashMoment = "before Fusion sees it, and it never will" | "before Fusion sees it" | "after Fusion took it";

export const CRASH_MOMENTS: readonly CrashMoment[] = [
  "before Fusion sees it, and it never will",
  "before Fusion sees it",
  "after Fusion took it",
];

const hasDelete = ({ deleted }: SeenRequest): boolean => deleted.length > 0;
/** A path twice in one POST: lifted, then shown. */
const isLifted = ({ upserted }: SeenRequest): boolean => new Set(upserted).size < upserted.length;

export const CRASH_POINTS: readonly CrashPoint[] = [
  { name: "when its session is created", during: "start", rule: { on: "create" }, among: 1 },
  { name: "when the session of its last run is deleted", during: "start", rule: { on: "delete" }, among: 1 },
  { name: "when it asks for the position", during: "start", rule: { on: "position" }, among: 1 },
  { name: "with an early heartbeat", during: "start", rule: { on: "heartbeat" }, among: 2 },
  { name: "with a batch of its snapshot", during: "start", rule: { on: "snapshot" }, among: 5 },
  { name: "with the end of its snapshot", during: "start", rule: { on: "snapshot_end" }, among: 1 },
  { name: "with a batch of changes beside its snapshot", during: "start", rule: { on: "live" }, among: 4 },
  { name: "with a batch of changes", during: "live", rule: { on: "live" }, among: 8 },
  { name: "with a batch of deletes", during: "live", rule: { on: "live", if: hasDelete }, among: 4 },
  { name: "with a path that comes back", during: "live", rule: { on: "live", if: isLifted }, among: 2 },
  { name: "with a heartbeat", during: "live", rule: { on: "heartbeat" }, among: 2 },
];

/** The same for agents that audit. */
export const AUDIT_CRASH_POINTS: readonly CrashPoint[] = [
  { name: "with a batch of an audit", during: "live", rule: { on: "audit" }, among: 4 },
  { name: "with the end of an audit", during: "live", rule: { on: "audit_end" }, among: 1 },
];

/** The rule that kills at this point. */
export function crashRule(point: CrashPoint, moment: CrashMoment, nth: number, kill: () => unknown): FaultRule {
  const rule = { ...point.rule, skip: nth };
  if (moment === "before Fusion sees it, and it never will")
    return { ...rule, fault: { kind: "last_moment", run: kill } };
  return {
    ...rule,
    fault: { kind: "moment", when: moment === "before Fusion sees it" ? "before" : "after", run: kill },
  };
}
