/** Ends the agent of a home: asks, waits, and only then forces. Used by `stop`. */
import { setTimeout as pause } from "node:timers/promises";
import { isFustorError } from "../sdk/index.ts";
import { fetchStatus, requestStop } from "./control-client.ts";
import { runningAgent } from "./instance-lock.ts";
import { identityOf, isAlive, type ProcessIdentity } from "./process-identity.ts";

export type StopOutcome =
  | { readonly kind: "not_running" }
  | { readonly kind: "stopped"; readonly pid: number }
  | { readonly kind: "killed"; readonly pid: number }
  | { readonly kind: "still_alive"; readonly pid: number };

export interface StopOptions {
  /** How long a clean stop may take, the asking included, before the process is killed. */
  readonly graceMs: number;
  /** How long the kernel may take to bury it. */
  readonly killMs: number;
  readonly pollMs: number;
}

/** How long the control socket has to answer; then a signal says the same. */
const ANSWER_MS = 3000;

async function waitForEnd(agent: ProcessIdentity, timeoutMs: number, pollMs: number): Promise<boolean> {
  const deadline = performance.now() + timeoutMs;
  while (await isAlive(agent)) {
    if (performance.now() >= deadline) return false;
    await pause(pollMs);
  }
  return true;
}

/** Signals only a process whose start time is the one that was written down. */
async function signal(agent: ProcessIdentity, name: NodeJS.Signals): Promise<void> {
  if (!(await isAlive(agent))) return;
  try {
    process.kill(agent.pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

/** By the pid file; where that was lost, by whoever answers on the control socket. */
async function findAgent(home: string): Promise<ProcessIdentity | undefined> {
  const named = await runningAgent(home);
  if (named !== undefined) return named;
  try {
    return await identityOf((await fetchStatus(home)).pid);
  } catch (error) {
    if (isFustorError(error)) return undefined;
    throw error;
  }
}

export async function stopAgent(home: string, options: StopOptions): Promise<StopOutcome> {
  const agent = await findAgent(home);
  if (agent === undefined) return { kind: "not_running" };
  const begin = performance.now();
  try {
    await requestStop(home, ANSWER_MS);
  } catch (error) {
    if (!isFustorError(error)) throw error;
    await signal(agent, "SIGTERM");
  }
  const graceMs = options.graceMs - (performance.now() - begin);
  if (await waitForEnd(agent, graceMs, options.pollMs)) return { kind: "stopped", pid: agent.pid };
  await signal(agent, "SIGKILL");
  const buried = await waitForEnd(agent, options.killMs, options.pollMs);
  return { kind: buried ? "killed" : "still_alive", pid: agent.pid };
}
