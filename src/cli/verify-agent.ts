/** What the running agent knows that a comparison has to know, and how it mends what differs. */
import { setTimeout as pause } from "node:timers/promises";
import { fetchStatus, requestResend } from "../agent/control/control-client.ts";
import { FustorError, isFustorError, type SourceStatus } from "../sdk/index.ts";

export interface AgentFacts {
  readonly isLeader: boolean;
  /** Wire paths of mounts that went away; the view keeps what was there. */
  readonly keptMounts: readonly string[];
  /** Deletes wait for `confirm`. */
  readonly heldDeletes: number;
  /** Why its source cannot be read; undefined when it can. */
  readonly trouble: string | undefined;
}

/** Undefined when no agent runs the pipe. */
export async function agentFacts(home: string, pipe: string): Promise<AgentFacts | undefined> {
  const status = await fetchStatus(home).catch((error: unknown) => {
    if (isFustorError(error)) return undefined;
    throw error;
  });
  const report = status?.pipes.find(({ id }) => id === pipe);
  const source = status?.sources.find(({ ids }) => report !== undefined && ids.includes(report.source))?.status;
  if (report === undefined || source === undefined) return undefined;
  return { isLeader: report.role === "leader", ...sourceFacts(source) };
}

function sourceFacts({ availability, lostMounts, heldDeletes }: SourceStatus): Omit<AgentFacts, "isLeader"> {
  return {
    keptMounts: Array.isArray(lostMounts) ? lostMounts.map(String) : [],
    heldDeletes: typeof heldDeletes === "number" ? heldDeletes : 0,
    trouble: availability.state === "unavailable" ? availability.reason : undefined,
  };
}

/** A pipe remembers no more of them. */
const MOST_AT_ONCE = 10_000;
const POLL_MS = 200;

/** Has the agent tell these directories again, and waits until it has. */
export async function repair(
  home: string,
  pipe: string,
  directories: readonly string[],
  stop: AbortSignal,
): Promise<void> {
  for (let at = 0; at < directories.length && !stop.aborted; at += MOST_AT_ONCE) {
    const { known, done } = await requestResend(home, pipe, directories.slice(at, at + MOST_AT_ONCE));
    if (!known) throw new FustorError("FUSTOR_AGENT_STOPPED", `no pipe ${JSON.stringify(pipe)} runs`);
    if (!done) throw new FustorError("FUSTOR_SENDER_UNREACHABLE", `the pipe ${JSON.stringify(pipe)} has no session`);
    await untilTold(home, pipe, stop);
  }
}

async function untilTold(home: string, pipe: string, stop: AbortSignal): Promise<void> {
  while (!stop.aborted) {
    const report = (await fetchStatus(home)).pipes.find(({ id }) => id === pipe);
    if (report === undefined) throw new FustorError("FUSTOR_AGENT_STOPPED", `the pipe ${JSON.stringify(pipe)} ended`);
    if (report.rescans.state === "none" && report.snapshot !== "running") return;
    await pause(POLL_MS, undefined, { signal: stop }).catch(() => undefined);
  }
}
