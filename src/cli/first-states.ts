/** What the pipes of an agent that was just started are up to: what does not run within a moment is worth a line. */
import { setTimeout as pause } from "node:timers/promises";
import type { AgentStatus, PipeReport } from "../agent/agent-status.ts";
import { fetchStatus } from "../agent/control/control-client.ts";
import { printable } from "./table.ts";

const PATIENCE_MS = 2500;
const POLL_MS = 100;

/** It runs, or says what keeps it from running. */
const isTold = ({ state, lastError }: PipeReport): boolean =>
  state === "running" || state === "waiting_for_source" || state === "failed" || lastError !== undefined;

const lineOf = ({ id, state, info, lastError }: PipeReport): string => {
  const error = lastError === undefined || info.includes(lastError) ? "" : ` (${lastError})`;
  return printable(`${id} does not run yet: ${state.replaceAll("_", " ")}, ${info}${error}`);
};

/**
 * One line for each pipe that was started and does not run: at once when all are told, otherwise after two and a half
 * seconds.
 */
export async function firstStates(home: string, signal: AbortSignal): Promise<readonly string[]> {
  const deadline = performance.now() + PATIENCE_MS;
  let status: AgentStatus | undefined;
  do {
    if (status !== undefined) await pause(POLL_MS);
    status = await fetchStatus(home).catch(() => undefined);
    if (status === undefined) return [];
  } while (!signal.aborted && !status.pipes.every(isTold) && performance.now() < deadline);
  return status.pipes.filter(({ state }) => state !== "running" && state !== "failed").map(lineOf);
}
