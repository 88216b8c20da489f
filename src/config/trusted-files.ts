/** Looks at the rights of folders and files before the agent obeys them: trust.ts says what they mean. */
import {
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  openSync,
  readFileSync,
  realpathSync,
  type Stats,
  statSync,
} from "node:fs";
import { dirname } from "node:path";
import { FustorError } from "../sdk/errors.ts";
import { type Problems, startOf } from "../yaml/problem.ts";
import { type Distrust, distrustOf, isReadOnly } from "./trust.ts";

const me = (): number => process.geteuid?.() ?? 0;

function statsOf(path: string): Stats | undefined {
  try {
    return statSync(path);
  } catch {
    return undefined;
  }
}

function judge(path: string, stats: Stats | undefined): Distrust | undefined {
  const distrust = stats === undefined ? undefined : distrustOf(stats, me());
  if (distrust === undefined || isReadOnly(path)) return undefined;
  const cure = distrust.cure.startsWith("run: ") ? `${distrust.cure} ${path}` : distrust.cure;
  return { what: distrust.what, cure };
}

const elsewhere = "or set FUSTOR_HOME to a folder of its own (one that does not exist yet is made for you alone)";

/** Records why the folder cannot be trusted; false when it cannot. One that is not there can. */
export function checkFolder(folder: string, problems: Problems): boolean {
  const distrust = judge(folder, statsOf(folder));
  if (distrust === undefined) return true;
  problems.error({ origin: startOf(folder), path: "" }, distrust.what, `${distrust.cure}, ${elsewhere}`);
  return false;
}

/** Why a file or folder cannot be trusted. One that is not there can. */
export const distrustOfPath = (path: string): Distrust | undefined => judge(path, statsOf(path));

/** Throws FUSTOR_CONFIG_INVALID. */
export function requireTrusted(paths: readonly string[]): void {
  for (const path of paths) {
    const distrust = judge(path, statsOf(path));
    if (distrust === undefined) continue;
    throw new FustorError("FUSTOR_CONFIG_INVALID", `${path} ${distrust.what}; ${distrust.cure}, ${elsewhere}`);
  }
}

/** Whoever may rename what is above the home may put another one in its place. */
export function remarkFoldersAbove(home: string, problems: Problems): void {
  for (let folder = dirname(home); ; folder = dirname(folder)) {
    const stats = statsOf(folder);
    const sticky = stats !== undefined && (stats.mode & 0o1000) !== 0 && (stats.uid === 0 || stats.uid === me());
    const distrust = sticky ? undefined : judge(folder, stats);
    if (distrust !== undefined) {
      const what = `${distrust.what}: whoever may do so can put another folder in the place of the home`;
      problems.warn({ origin: startOf(folder), path: "" }, what, distrust.cure);
      return;
    }
    if (folder === dirname(folder)) return;
  }
}

/** Whether any user of the machine can get at the file and read it. */
export function isReadableByAll(path: string): boolean {
  try {
    const real = realpathSync(path);
    if ((statSync(real).mode & 0o004) === 0) return false;
    for (let folder = dirname(real); ; folder = dirname(folder)) {
      if ((statSync(folder).mode & 0o001) === 0) return false;
      if (folder === dirname(folder)) return true;
    }
  } catch {
    return false;
  }
}

export type Content =
  | { readonly kind: "bytes"; readonly bytes: Buffer; readonly mode: number; readonly distrust: Distrust | undefined }
  | { readonly kind: "unusable"; readonly reason: string; readonly code?: string };

/** What a link leads to lies in a folder that nobody has looked at yet. */
function judgeTargetFolder(path: string): Distrust | undefined {
  if (!lstatSync(path).isSymbolicLink()) return undefined;
  const folder = dirname(realpathSync(path));
  const stats = statsOf(folder);
  const distrust = stats !== undefined && (stats.mode & 0o1000) !== 0 ? undefined : judge(folder, stats);
  return distrust && { what: `leads into ${folder}, which ${distrust.what}`, cure: distrust.cure };
}

/** Opened without blocking, so that a fifo in the place of a file cannot hold the agent up. */
export function readRegularFile(path: string, maxBytes: number): Content {
  let descriptor: number | undefined;
  try {
    descriptor = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const stats = fstatSync(descriptor);
    if (!stats.isFile()) return { kind: "unusable", reason: "is no regular file" };
    if (stats.size > maxBytes) return { kind: "unusable", reason: `is larger than ${maxBytes} bytes` };
    const distrust = judge(path, stats) ?? judgeTargetFolder(path);
    return { kind: "bytes", bytes: readFileSync(descriptor), mode: stats.mode, distrust };
  } catch (error) {
    const { code = "" } = error as NodeJS.ErrnoException;
    return { kind: "unusable", reason: code === "ENOENT" ? "does not exist" : `cannot be read (${code})`, code };
  } finally {
    if (descriptor !== undefined) closeSync(descriptor);
  }
}
