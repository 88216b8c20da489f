/**
 * A process id is not an identity: Linux gives it out again. The start time in clock ticks since boot together with the boot id
 * is one, so a recycled id is never taken for our agent and never signalled.
 */
import { readFile } from "node:fs/promises";

export interface ProcessIdentity {
  readonly pid: number;
  /** Field 22 of /proc/PID/stat, as text: clock ticks since boot. */
  readonly startTicks: string;
  /** /proc/sys/kernel/random/boot_id, "" where that is unreadable. */
  readonly bootId: string;
}

const readBootId = async (): Promise<string> =>
  readFile("/proc/sys/kernel/random/boot_id", "utf8").then(
    (text) => text.trim(),
    () => "",
  );

/** Who runs under this id now; undefined when nobody does (a zombie counts as nobody). */
export async function identityOf(pid: number): Promise<ProcessIdentity | undefined> {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => undefined);
  if (stat === undefined) return undefined;
  // The command name stands in parentheses and may hold spaces and parentheses itself: count from the last one.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const [state, startTicks] = [fields[0], fields[19]];
  if (state === "Z" || state === "X" || startTicks === undefined) return undefined;
  return { pid, startTicks, bootId: await readBootId() };
}

/** Whether exactly this process still lives. */
export async function isAlive(identity: ProcessIdentity): Promise<boolean> {
  const now = await identityOf(identity.pid);
  return now !== undefined && now.startTicks === identity.startTicks && now.bootId === identity.bootId;
}

/** Three lines; the first is the bare process id, which is what shell scripts read from a pid file. */
export const formatIdentity = (identity: ProcessIdentity): string =>
  `${identity.pid}\n${identity.startTicks}\n${identity.bootId}\n`;

export function parseIdentity(text: string): ProcessIdentity | undefined {
  const [pidText = "", startTicks = "", bootId = ""] = text.split("\n").map((line) => line.trim());
  const pid = Number(pidText);
  // Without a start time the process cannot be told from a stranger: such a file says nothing.
  if (!Number.isSafeInteger(pid) || pid <= 1 || !/^\d+$/.test(startTicks)) return undefined;
  return { pid, startTicks, bootId };
}
