/** Another key alone ends no session where the receiver takes it for the same owner's. */
import { isDeepStrictEqual } from "node:util";
import { type PipeTarget, planReload, type ReloadPlan } from "./reload-plan.ts";

export interface RunningTarget {
  readonly target: PipeTarget;
  /** Whether its sender shows the key of that target from now on. Never rejects. */
  takeCredential(target: PipeTarget): Promise<boolean>;
}

/** The plan, after every pipe that could take another key into its session has taken it. */
export async function planTakingCredentials(
  running: readonly RunningTarget[],
  wanted: readonly PipeTarget[],
): Promise<ReloadPlan> {
  const plan = planReload(
    running.map(({ target }) => target),
    wanted,
  );
  const taken = new Set<string>();
  const ask = async (target: PipeTarget): Promise<void> => {
    const pipe = running.find((each) => each.target.pipe.id === target.pipe.id);
    if (await pipe?.takeCredential(target)) taken.add(target.pipe.id);
  };
  await Promise.all(wanted.filter((target) => differsInCredentialAlone(plan, target)).map(ask));
  const changed = plan.changed.filter(({ pipe }) => !taken.has(pipe));
  return { ...plan, changed, unchanged: [...plan.unchanged, ...taken], taken: [...taken] };
}

const differsInCredentialAlone = ({ changed }: ReloadPlan, { pipe, sender }: PipeTarget): boolean =>
  changed.some((each) => each.pipe === pipe.id && isDeepStrictEqual(each.reasons, [`sender ${sender.id}: credential`]));
