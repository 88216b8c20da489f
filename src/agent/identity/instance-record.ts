/**
 * `agent.pid`: who has taken the home, and which folder that home is. A copy of a home holds a copy of it, so it counts
 * only in the folder that it names, and only when nobody else can have written it.
 */
import { constants } from "node:fs";
import { open, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { writeDurably } from "../state/durable-file.ts";
import { formatIdentity, isAlive, isSame, type ProcessIdentity, parseIdentity } from "./process-identity.ts";

export interface InstanceRecord {
  readonly agent: ProcessIdentity;
  /** As {@link folderIdentity} tells it. */
  readonly home: string;
}

const pidFileOf = (home: string): string => join(home, "agent.pid");

/** Device and inode; undefined when the folder is not there. */
export async function folderIdentity(folder: string): Promise<string | undefined> {
  const stats = await stat(folder, { bigint: true }).catch(() => undefined);
  return stats === undefined ? undefined : `${stats.dev}:${stats.ino}`;
}

interface OwnedText {
  readonly text: string;
  readonly uid: number;
}

/** Undefined for what is no regular file, or what others than its owner can write. */
async function readOwned(path: string): Promise<OwnedText | undefined> {
  const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = constants;
  const handle = await open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK).catch(() => undefined);
  if (handle === undefined) return undefined;
  try {
    const { mode, uid } = await handle.stat();
    if ((mode & constants.S_IFMT) !== constants.S_IFREG || (mode & 0o022) !== 0) return undefined;
    return { text: await handle.readFile("utf8"), uid };
  } catch {
    return undefined;
  } finally {
    await handle.close();
  }
}

/** Root and we ourselves may name any process, another user only his own ones. */
async function mayName(uid: number, pid: number): Promise<boolean> {
  if (uid === 0 || uid === process.geteuid?.()) return true;
  return (await stat(`/proc/${pid}`).catch(() => undefined))?.uid === uid;
}

/** What the pid file of this home says, if it is about this home. */
export async function readRecord(home: string): Promise<InstanceRecord | undefined> {
  const owned = await readOwned(pidFileOf(home));
  const agent = parseIdentity(owned?.text ?? "");
  if (owned === undefined || agent === undefined || !(await mayName(owned.uid, agent.pid))) return undefined;
  const folder = owned.text.split("\n")[4]?.trim() ?? "";
  return folder !== "" && folder === (await folderIdentity(home)) ? { agent, home: folder } : undefined;
}

/** The agent that the pid file of this home names, if exactly that process still lives and can be seen from here. */
export async function runningAgent(home: string): Promise<ProcessIdentity | undefined> {
  const record = await readRecord(home);
  return record !== undefined && (await isAlive(record.agent)) ? record.agent : undefined;
}

export async function writeRecord(home: string, self: ProcessIdentity | undefined): Promise<void> {
  const folder = (await folderIdentity(home)) ?? "";
  const text = self === undefined ? `${process.pid}\n` : `${formatIdentity(self)}${folder}\n`;
  await writeDurably(pidFileOf(home), text);
}

export async function isRecordOf(home: string, self: ProcessIdentity): Promise<boolean> {
  const record = await readRecord(home);
  return record !== undefined && isSame(record.agent, self);
}

/** Only our own: the file may be that of an agent that has taken the home since. */
export async function removeRecord(home: string, self: ProcessIdentity | undefined): Promise<void> {
  const text = (await readOwned(pidFileOf(home)))?.text ?? "";
  const named = parseIdentity(text);
  const ours = self === undefined ? text === `${process.pid}\n` : named !== undefined && isSame(named, self);
  if (ours) await rm(pidFileOf(home), { force: true });
}
