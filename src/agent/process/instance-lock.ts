/**
 * One agent per home.
 *
 * The truth is a kernel lock (flock) on `agent.lock`: it dies with its holder, however that ends. `agent.pid` beside it
 * is for people and for `stop`. A lock file that was removed keeps nobody out, so a start also looks at the pid file
 * and knocks at the socket, and the holder looks after its lock file (`look`).
 */
import { type FileHandle, open, stat } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { fileTrouble } from "../../config/file-trouble.ts";
import { FustorError } from "../../sdk/index.ts";
import { folderIdentity, isRecordOf, removeRecord, runningAgent, writeRecord } from "../identity/instance-record.ts";
import { identityOf, isSame, type ProcessIdentity } from "../identity/process-identity.ts";
import { pythonAgentOf } from "../identity/python-agent.ts";
import type { HeldLock, LockFile } from "./native-lock.ts";
import { answers } from "./occupancy.ts";

export type Holding =
  | "ours"
  /** Its lock file or pid file was removed: both are there again. */
  | "restored"
  /** Another agent has the home. */
  | "taken"
  /** The folder was removed, or another one stands in its place. */
  | "gone";

export interface InstanceLock {
  /**
   * Looks whether the home is still ours, and repairs what can be. What cannot be seen at the moment counts as ours.
   */
  look(): Promise<Holding>;
  /** Removes the pid file, if it is still ours, and lets the next agent in; idempotent. */
  release(): Promise<void>;
}

/** A client that looks whether somebody holds the lock holds it itself for a moment. */
const TRIES = 10;
const TRY_AGAIN_MS = 20;
/** So many looks in a row at a lock of a process that left no record: it has the home, and could not say so. */
const UNKNOWN_LOOKS = 3;

const NO_LOCKS = new Set(["ENOLCK", "ENOSYS", "EOPNOTSUPP", "ENOTSUP"]);

function tryLock(home: string, lockFile: LockFile): HeldLock | null {
  const path = join(home, "agent.lock");
  try {
    return lockFile(path);
  } catch (error) {
    const { code = "" } = error as NodeJS.ErrnoException;
    if (!NO_LOCKS.has(code)) throw fileTrouble(error, path, "locked");
    const cure =
      "set FUSTOR_HOME to a folder on a local disk (FUSTOR_CONFIG_DIR can leave the configuration where it is)";
    throw new FustorError(
      "FUSTOR_HOME_UNUSABLE",
      `${path} cannot be locked: its file system has no locks (${code}); ${cure}`,
    );
  }
}

async function takeLock(home: string, lockFile: LockFile): Promise<HeldLock> {
  for (let attempt = 1; ; attempt++) {
    const lock = tryLock(home, lockFile);
    if (lock !== null) return lock;
    const holder = await runningAgent(home);
    if (holder !== undefined || attempt === TRIES) throw alreadyRunning(home, holder?.pid);
    await pause(TRY_AGAIN_MS);
  }
}

/** An agent whose lock file was removed: known by its pid file, or by its answer. The Python agent takes no lock. */
async function otherAgent(home: string, self: ProcessIdentity | undefined): Promise<FustorError | undefined> {
  const python = await pythonAgentOf(home);
  if (python !== undefined) {
    const text = `the Python agent is running on ${home} (PID ${python}): stop it with its own fustor-agent stop`;
    return new FustorError("FUSTOR_AGENT_RUNNING", text, { details: { pid: python } });
  }
  const holder = await runningAgent(home);
  if (holder !== undefined && self !== undefined && isSame(holder, self)) return undefined;
  if (holder === undefined && !(await answers(home))) return undefined;
  return alreadyRunning(home, holder?.pid);
}

/** Takes the home for this process. Throws FUSTOR_AGENT_RUNNING when another agent has it. */
export async function acquireInstance(home: string, lockFile: LockFile): Promise<InstanceLock> {
  const lock = await takeLock(home, lockFile);
  try {
    const self = await identityOf(process.pid);
    const other = await otherAgent(home, self);
    if (other !== undefined) throw other;
    await writeRecord(home, self);
    return await holdingOf(home, lock, lockFile, self);
  } catch (error) {
    lock.unlock();
    throw error;
  }
}

async function holdingOf(
  home: string,
  first: HeldLock,
  lockFile: LockFile,
  self: ProcessIdentity | undefined,
): Promise<InstanceLock> {
  let lock = first;
  let released = false;
  let unknown = 0;
  // Held open, the folder keeps its inode number on every file system.
  const folder: FileHandle = await open(home, "r");
  const identity = await folderIdentity(home);
  // A start that looks around here holds the lock for a moment. Only what has taken the home writes its record.
  const isTakenOver = async (): Promise<boolean> => {
    const holder = await runningAgent(home);
    if (holder === undefined) return ++unknown >= UNKNOWN_LOOKS;
    unknown = 0;
    return self === undefined || !isSame(holder, self);
  };
  const restore = async (): Promise<Holding> => {
    let restored = false;
    if (!lock.isCurrent()) {
      const again = tryLock(home, lockFile);
      if (again === null) return (await isTakenOver()) ? "taken" : "ours";
      lock.unlock();
      lock = again;
      restored = true;
    }
    if (self === undefined || (await isRecordOf(home, self)) || released) return restored ? "restored" : "ours";
    await writeRecord(home, self);
    return "restored";
  };
  return {
    look: async () => {
      if (released) return "ours";
      const seen = await lookAt(home);
      if (seen === "hidden" || released) return "ours";
      if (seen !== identity) return "gone";
      return restore().catch(() => "ours" as const);
    },
    release: async () => {
      if (released) return;
      released = true;
      // The pid file goes first: once the lock is free it may already be the next agent's.
      await removeRecord(home, self);
      await folder.close();
      lock.unlock();
    },
  };
}

/**
 * The folder that stands there now. What is only out of reach for the moment (a server that does not answer) is
 * "hidden".
 */
async function lookAt(home: string): Promise<string | undefined> {
  try {
    const stats = await stat(home, { bigint: true });
    return `${stats.dev}:${stats.ino}`;
  } catch (error) {
    const { code = "" } = error as NodeJS.ErrnoException;
    return code === "ENOENT" || code === "ENOTDIR" ? undefined : "hidden";
  }
}

export function alreadyRunning(home: string, pid: number | undefined): FustorError {
  const who = pid === undefined ? "" : ` (PID ${pid})`;
  return new FustorError("FUSTOR_AGENT_RUNNING", `an agent is already running on ${home}${who}`, { details: { pid } });
}
