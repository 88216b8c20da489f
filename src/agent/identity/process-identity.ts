/**
 * A process id is not an identity: Linux gives it out again, and each pid namespace (a container) counts for itself.
 * The start time in clock ticks since boot together with the boot id and the namespace is one, so a stranger is never
 * taken for our agent and never signalled.
 */
import { readFile, readlink } from "node:fs/promises";

export interface ProcessIdentity {
  readonly pid: number;
  /** Field 22 of /proc/PID/stat, as text: clock ticks since boot. */
  readonly startTicks: string;
  /** /proc/sys/kernel/random/boot_id, "" where that is unreadable. */
  readonly bootId: string;
  /** What /proc/self/ns/pid leads to: in whose numbers `pid` counts. */
  readonly pidNamespace: string;
}

export interface ProcessWorld {
  readonly bootId: string;
  /** "" where /proc is that of another namespace, or is not there: then no number can be looked up. */
  readonly pidNamespace: string;
}

const textOf = (reading: Promise<string>): Promise<string> =>
  reading.then(
    (text) => text.trim(),
    () => "",
  );

/** Where this process lives. */
export async function ownWorld(): Promise<ProcessWorld> {
  const [bootId, self, pidNamespace] = await Promise.all([
    textOf(readFile("/proc/sys/kernel/random/boot_id", "utf8")),
    textOf(readlink("/proc/self")),
    textOf(readlink("/proc/self/ns/pid")),
  ]);
  return { bootId, pidNamespace: self === String(process.pid) ? pidNamespace : "" };
}

/** Who runs under this id of our own namespace now; undefined when nobody does (a zombie counts as nobody). */
export async function identityOf(pid: number): Promise<ProcessIdentity | undefined> {
  const world = await ownWorld();
  if (world.pidNamespace === "") return undefined;
  const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => undefined);
  if (stat === undefined) return undefined;
  // The command name stands in parentheses and may hold spaces and parentheses itself: count from the last one.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const [state, startTicks] = [fields[0], fields[19]];
  if (state === "Z" || state === "X" || startTicks === undefined) return undefined;
  return { pid, startTicks, ...world };
}

/** Whether the identity is one of this boot and this namespace, so that looking for it says something. */
export async function isOfOwnWorld({ bootId, pidNamespace }: ProcessIdentity): Promise<boolean> {
  const world = await ownWorld();
  return pidNamespace !== "" && pidNamespace === world.pidNamespace && bootId === world.bootId;
}

export const isSame = (a: ProcessIdentity, b: ProcessIdentity): boolean =>
  a.pid === b.pid &&
  a.startTicks === b.startTicks &&
  a.bootId === b.bootId &&
  a.pidNamespace !== "" &&
  a.pidNamespace === b.pidNamespace;

/** Whether exactly this process still lives, as far as can be seen from here. */
export async function isAlive(identity: ProcessIdentity): Promise<boolean> {
  const now = await identityOf(identity.pid);
  return now !== undefined && isSame(now, identity);
}

/** Four lines; the first is the bare process id, which is what shell scripts read from a pid file. */
export const formatIdentity = (identity: ProcessIdentity): string =>
  `${identity.pid}\n${identity.startTicks}\n${identity.bootId}\n${identity.pidNamespace}\n`;

export function parseIdentity(text: string): ProcessIdentity | undefined {
  const lines = text.split("\n").map((line) => line.trim());
  const [pidText = "", startTicks = "", bootId = "", pidNamespace = ""] = lines;
  const pid = Number(pidText);
  // Without start time and namespace the process cannot be told from a stranger: such a file says nothing.
  if (!Number.isSafeInteger(pid) || pid < 1 || !/^\d+$/.test(startTicks) || pidNamespace === "") return undefined;
  return { pid, startTicks, bootId, pidNamespace };
}
