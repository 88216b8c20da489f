/** What /proc says of this machine and of one process; "" or undefined for what it does not say. */
import { readdirSync, readFileSync, readlinkSync, statSync } from "node:fs";
import { join } from "node:path";

/** `root`: /proc, or a folder that looks like it. `pid`: of the agent that runs, or `self`. */
export interface Proc {
  readonly root: string;
  readonly pid: string;
}

export function procText({ root }: Proc, path: string): string {
  try {
    return readFileSync(join(root, path), "utf8");
  } catch {
    return "";
  }
}

export const processText = (proc: Proc, name: string): string => procText(proc, join(proc.pid, name));

/** A number of /proc/sys. */
export function sysctl(proc: Proc, name: string): number | undefined {
  const text = procText(proc, join("sys", name.replaceAll(".", "/"))).trim();
  return /^\d+$/.test(text) ? Number(text) : undefined;
}

/** Soft and hard limit of open files; undefined when unlimited or not known. */
export function openFiles(proc: Proc): { readonly soft?: number; readonly hard?: number } {
  const [, soft = "", hard = ""] = /^Max open files\s+(\S+)\s+(\S+)/m.exec(processText(proc, "limits")) ?? [];
  return {
    ...(/^\d+$/.test(soft) ? { soft: Number(soft) } : {}),
    ...(/^\d+$/.test(hard) ? { hard: Number(hard) } : {}),
  };
}

const CAPABILITY_BITS = { CAP_DAC_READ_SEARCH: 2n, CAP_SYS_ADMIN: 21n } as const;
export type CapabilityName = keyof typeof CAPABILITY_BITS;

/** Undefined where /proc does not say. */
export function hasCapability(proc: Proc, name: CapabilityName): boolean | undefined {
  const [, effective] = /^CapEff:\s*([0-9a-f]+)/m.exec(processText(proc, "status")) ?? [];
  return effective === undefined ? undefined : (BigInt(`0x${effective}`) & (1n << CAPABILITY_BITS[name])) !== 0n;
}

/** Capabilities of another user namespace than the machine's own do not reach its file systems. */
export function isInUserNamespace(proc: Proc): boolean {
  const [inside, outside, length] = processText(proc, "uid_map").trim().split(/\s+/);
  return (
    inside !== undefined && outside !== undefined && !(inside === "0" && outside === "0" && length === "4294967295")
  );
}

const isInotify = (path: string): boolean => {
  try {
    return readlinkSync(path) === "anon_inode:inotify";
  } catch {
    return false;
  }
};

function inotifyOf(root: string, pid: string, uid: number): number {
  try {
    if (statSync(join(root, pid)).uid !== uid) return 0;
    const folder = join(root, pid, "fd");
    return readdirSync(folder).filter((descriptor) => isInotify(join(folder, descriptor))).length;
  } catch {
    return 0;
  }
}

/** How many inotify instances the processes of a user hold, as far as /proc lets us see. */
export function inotifyInstances({ root }: Proc, uid: number): number {
  try {
    const pids = readdirSync(root).filter((name) => /^\d+$/.test(name));
    return pids.reduce((sum, pid) => sum + inotifyOf(root, pid, uid), 0);
  } catch {
    return 0;
  }
}
