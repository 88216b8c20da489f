import { posix } from "node:path";

const SLASH = 47;
const DOT = 46;

/** Starts with a slash, and holds no empty, `.` or `..` segment and no trailing slash. */
function isCanonical(path: string): boolean {
  if (path.charCodeAt(0) !== SLASH) return false;
  if (path.length === 1) return true;
  let segment = 1;
  for (let at = 1; at <= path.length; at++) {
    if (at < path.length && path.charCodeAt(at) !== SLASH) continue;
    const length = at - segment;
    if (length === 0) return false;
    if (path.charCodeAt(segment) === DOT && (length === 1 || (length === 2 && path.charCodeAt(segment + 1) === DOT))) {
      return false;
    }
    segment = at + 1;
  }
  return true;
}

/** The one spelling of a path in the tree: a leading slash, no trailing one, dots resolved and never above the root. */
export function canonicalPath(path: string): string {
  if (isCanonical(path)) return path;
  const normal = posix.normalize(`/${path}`);
  return normal.length > 1 && normal.endsWith("/") ? normal.slice(0, -1) : normal;
}
