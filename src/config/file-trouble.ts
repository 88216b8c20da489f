/**
 * What a failed system call on one of our files means for whoever runs the agent: which file, whose it is, and what to
 * do.
 */
import { lstatSync, readFileSync, type Stats } from "node:fs";
import { dirname } from "node:path";
import { FustorError } from "../sdk/errors.ts";

/** `root (uid 0)`; the bare number where /etc/passwd does not know it. */
export function userText(uid: number, passwd = textOf("/etc/passwd")): string {
  const entry = passwd.split("\n").find((line) => line.split(":")[2] === String(uid));
  const name = entry?.split(":")[0];
  return name === undefined || name === "" ? `uid ${uid}` : `${name} (uid ${uid})`;
}

function textOf(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}

/** The path itself, or the folder above it that hides it or that it would have to be made in. */
function nearestThatShows(path: string): { readonly path: string; readonly stats: Stats } | undefined {
  for (let at = path; ; at = dirname(at)) {
    try {
      return { path: at, stats: lstatSync(at) };
    } catch {
      if (dirname(at) === at) return undefined;
    }
  }
}

const me = (): number => process.geteuid?.() ?? 0;

function deniedText(path: string): string {
  const shown = nearestThatShows(path);
  if (shown === undefined) return "permission denied";
  const { uid, mode } = shown.stats;
  const rights = (mode & 0o7777).toString(8).padStart(4, "0");
  const whose = `${shown.path} belongs to ${userText(uid)}, mode ${rights}, and this is ${userText(me())}`;
  if (uid === me()) return `permission denied: ${whose}; run: chmod u+rwX ${shown.path}`;
  return (
    `permission denied: ${whose}; run the command as ${userText(uid)}, give the files to this user ` +
    `(as root: chown -R ${me()} ${shown.path}), or set FUSTOR_HOME to a folder of this user`
  );
}

function meaningOf(code: string, path: string): string {
  switch (code) {
    case "EACCES":
    case "EPERM":
      return deniedText(path);
    case "ENOSPC":
      return `no space or no inode is left on its file system; make room (df -h ${dirname(path)}, df -i ${dirname(path)})`;
    case "EDQUOT":
      return "the quota of this user is used up; make room, or raise it";
    case "EROFS":
      return "its file system is read-only; set FUSTOR_HOME to a folder that can be written";
    case "ELOOP":
      return "it is a symbolic link, and those are not followed here; remove it";
    case "EMFILE":
    case "ENFILE":
      return "too many files are open; raise the limit (ulimit -n, LimitNOFILE=)";
    default:
      return "";
  }
}

/** `doing` completes "cannot be": opened, written, made. A FustorError stays what it is. */
export function fileTrouble(error: unknown, path: string, doing: string): FustorError {
  if (error instanceof FustorError) return error;
  const { code, message } = error as NodeJS.ErrnoException;
  const meaning = code === undefined ? "" : meaningOf(code, path);
  const what = meaning === "" ? (message ?? String(error)) : `${meaning} (${code})`;
  return new FustorError("FUSTOR_HOME_UNUSABLE", `${path} cannot be ${doing}: ${what}`, { details: { path, code } });
}
