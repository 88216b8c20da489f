/**
 * Ends the agent of a home: asks, waits, and only then forces, and only what is known beyond doubt to be that agent.
 * Used by `stop`.
 */
import { setTimeout as pause } from "node:timers/promises";
import { isFustorError } from "../../sdk/index.ts";
import { requestStop } from "../control/control-client.ts";
import { isAlive, type ProcessIdentity } from "../identity/process-identity.ts";
import { isStillThere, type Occupancy, occupancyOf } from "./occupancy.ts";

export type StopOutcome =
  | { readonly kind: "not_running" }
  /** The id counts in the agent's own namespace. */
  | { readonly kind: "stopped"; readonly pid: number | undefined }
  | { readonly kind: "killed"; readonly pid: number }
  | { readonly kind: "still_alive"; readonly pid: number }
  /**
   * It still has the home, and nothing was signalled: which process it is cannot be told from here. `asked`: it took
   * the request.
   */
  | { readonly kind: "out_of_reach"; readonly asked: boolean };

export interface StopOptions {
  /** How long a clean stop may take, the asking included, before the process is killed. */
  readonly graceMs: number;
  /** How long the kernel may take to bury it. */
  readonly killMs: number;
  readonly pollMs: number;
}

/** How long the control socket has to answer; then a signal says the same. */
const ANSWER_MS = 3000;

async function waitUntil(holds: () => Promise<boolean>, timeoutMs: number, pollMs: number): Promise<boolean> {
  const deadline = performance.now() + timeoutMs;
  while (!(await holds())) {
    if (performance.now() >= deadline) return false;
    await pause(pollMs);
  }
  return true;
}

/** Signals only a process whose start time, boot and namespace are those that were written down. */
async function signal(agent: ProcessIdentity, name: NodeJS.Signals): Promise<void> {
  if (!(await isAlive(agent))) return;
  try {
    process.kill(agent.pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

/** False when nobody answers, or not properly. */
async function asked(home: string): Promise<boolean> {
  try {
    await requestStop(home, ANSWER_MS);
    return true;
  } catch (error) {
    if (isFustorError(error, "FUSTOR_AGENT_STOPPED") || isFustorError(error, "FUSTOR_INTERNAL")) return false;
    throw error;
  }
}

/** Throws FUSTOR_HOME_UNUSABLE when this user may neither look nor ask. */
export async function stopAgent(home: string, options: StopOptions): Promise<StopOutcome> {
  const found = await occupancyOf(home);
  if (found.kind === "nobody") return { kind: "not_running" };
  const begin = performance.now();
  const wasAsked = await asked(home);
  const graceMs = options.graceMs - (performance.now() - begin);
  return found.kind === "here"
    ? stopHere(found.agent, wasAsked, graceMs, options)
    : stopElsewhere(home, found, wasAsked, graceMs, options);
}

async function stopHere(
  agent: ProcessIdentity,
  wasAsked: boolean,
  graceMs: number,
  { killMs, pollMs }: StopOptions,
): Promise<StopOutcome> {
  const { pid } = agent;
  const isGone = async (): Promise<boolean> => !(await isAlive(agent));
  if (!wasAsked) await signal(agent, "SIGTERM");
  if (await waitUntil(isGone, graceMs, pollMs)) return { kind: "stopped", pid };
  await signal(agent, "SIGKILL");
  return { kind: (await waitUntil(isGone, killMs, pollMs)) ? "killed" : "still_alive", pid };
}

async function stopElsewhere(
  home: string,
  found: Occupancy & { readonly kind: "elsewhere" },
  wasAsked: boolean,
  graceMs: number,
  { pollMs }: StopOptions,
): Promise<StopOutcome> {
  if (!wasAsked) return { kind: "out_of_reach", asked: false };
  const isGone = async (): Promise<boolean> => !(await isStillThere(home, found));
  if (await waitUntil(isGone, graceMs, Math.max(pollMs, 100))) return { kind: "stopped", pid: found.named?.pid };
  return { kind: "out_of_reach", asked: true };
}
