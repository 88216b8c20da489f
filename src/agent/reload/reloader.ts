/** Reloading as a whole: read the configuration, choose pipes as at the start, change what runs, say what happened. */
import { describeError, isFustorError, type Logger } from "../../sdk/index.ts";
import { Coalesced } from "./coalesced.ts";
import type { AgentPlan } from "./reload-plan.ts";
import { hasFailed, type ReloadOutcome, type ReloadReport, reloadLine } from "./reload-report.ts";

/** A plan, and what is worth telling about its configuration. */
export interface FreshPlan extends AgentPlan {
  readonly remarks: readonly string[];
}

/** The agent, as far as a reload needs it. */
export interface Reloadable {
  reload(plan: AgentPlan, drainMs: number): Promise<ReloadReport>;
}

export interface ReloaderParts {
  readonly agent: Reloadable;
  /** Throws what `loadConfig` throws. */
  readonly load: () => Promise<FreshPlan>;
  /** How long each pipe that goes may send what is queued. */
  readonly drainMs: number;
  readonly logger: Logger;
  /** Gets how each reload went, with what was loaded for it. */
  readonly onDone?: (outcome: ReloadOutcome, plan: FreshPlan | undefined) => void;
}

async function reloadOnce(parts: ReloaderParts): Promise<ReloadOutcome> {
  let plan: FreshPlan | undefined;
  const load = async (): Promise<FreshPlan> => {
    plan = await parts.load();
    return plan;
  };
  const outcome = await carryOut({ ...parts, load });
  parts.onDone?.(outcome, plan);
  return outcome;
}

async function carryOut({ agent, load, drainMs, logger }: ReloaderParts): Promise<ReloadOutcome> {
  logger.info({}, "reloading the configuration");
  let plan: FreshPlan;
  try {
    plan = await load();
  } catch (error) {
    const code = isFustorError(error) ? error.code : "FUSTOR_INTERNAL";
    const message = describeError(error);
    logger.error({ code }, `the configuration is not taken over, the old one goes on: ${message}`);
    return { kind: "refused", code, message };
  }
  try {
    const report = await agent.reload(plan, drainMs);
    const notes = [...plan.remarks, ...report.notes];
    for (const pipe of report.pipes) logger[pipe.failure === undefined ? "info" : "error"]({}, reloadLine(pipe));
    for (const note of notes) logger.warn({}, note);
    logger.info({}, hasFailed(report) ? "reloaded; not every pipe runs" : "reloaded");
    return { kind: "done", pipes: report.pipes, notes };
  } catch (error) {
    const code = isFustorError(error) ? error.code : "FUSTOR_INTERNAL";
    logger.error({ err: error }, "the reload failed");
    return { kind: "refused", code, message: describeError(error) };
  }
}

export type PreviewOutcome =
  | ({ readonly kind: "preview" } & ReloadReport)
  | Extract<ReloadOutcome, { kind: "refused" }>;

/** What a reload would do with the configuration as it is now. Nothing is changed, and nothing is logged. */
export async function previewReload(
  load: () => Promise<FreshPlan>,
  preview: (plan: AgentPlan) => ReloadReport,
): Promise<PreviewOutcome> {
  try {
    const plan = await load();
    const { pipes, notes } = preview(plan);
    return { kind: "preview", pipes, notes: [...plan.remarks, ...notes] };
  } catch (error) {
    const code = isFustorError(error) ? error.code : "FUSTOR_INTERNAL";
    return { kind: "refused", code, message: describeError(error) };
  }
}

/** Any number of requests at once: see {@link Coalesced}. */
export const createReloader = (parts: ReloaderParts): Coalesced<ReloadOutcome> =>
  new Coalesced(() => reloadOnce(parts));
