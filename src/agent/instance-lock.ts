/**
 * One agent per home.
 *
 * The truth is a kernel lock (flock) on `agent.lock`: it dies with its holder, however that ends. `agent.pid` beside it is for
 * people and for `stop`; it carries the start time of the process so that a recycled id is never signalled.
 */
import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { FustorError } from "../sdk/index.ts";
import { writeDurably } from "./durable-file.ts";
import { formatIdentity, identityOf, isAlive, type ProcessIdentity, parseIdentity } from "./process-identity.ts";

/** The addon's flock: null when somebody else holds it. */
export type LockFile = (path: string) => { unlock(): void } | null;

export interface InstanceLock {
  /** Removes the pid file and lets the next agent in; idempotent. */
  release(): Promise<void>;
}

const pidFileOf = (home: string): string => join(home, "agent.pid");

/** The agent that the pid file of this home names, if exactly that process still lives. */
export async function runningAgent(home: string): Promise<ProcessIdentity | undefined> {
  const text = await readFile(pidFileOf(home), "utf8").catch(() => "");
  const identity = parseIdentity(text);
  return identity !== undefined && (await isAlive(identity)) ? identity : undefined;
}

/** Takes the home for this process. Throws FUSTOR_AGENT_RUNNING when another agent has it. */
export async function acquireInstance(home: string, lockFile: LockFile): Promise<InstanceLock> {
  const lock = lockFile(join(home, "agent.lock"));
  if (lock === null) throw alreadyRunning(home, (await runningAgent(home))?.pid);
  try {
    const self = await identityOf(process.pid);
    await writeDurably(pidFileOf(home), self === undefined ? `${process.pid}\n` : formatIdentity(self));
  } catch (error) {
    lock.unlock();
    throw error;
  }
  let released = false;
  return {
    release: async () => {
      if (released) return;
      released = true;
      // The pid file goes first: once the lock is free it may already be the next agent's.
      await rm(pidFileOf(home), { force: true });
      lock.unlock();
    },
  };
}

function alreadyRunning(home: string, pid: number | undefined): FustorError {
  const who = pid === undefined ? "" : ` (PID ${pid})`;
  return new FustorError("FUSTOR_AGENT_RUNNING", `an agent is already running on ${home}${who}`, { details: { pid } });
}
