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

/** The longest path of Linux, in bytes. */
const MOST_PATH_BYTES = 4096;
/** The same on the wire, where a byte that is no UTF-8 becomes three characters. */
const MOST_WIRE_CHARACTERS = 3 * MOST_PATH_BYTES;
/** Bytes of one character on the wire: three at most, for four come as a pair. */
const SURELY_SHORT = Math.floor(MOST_PATH_BYTES / 3);

/** No file's path is longer; bytes that stand on the wire as an escape count as the one byte that they are on disk. */
export function isPathTooLong(path: string): boolean {
  if (path.length <= SURELY_SHORT) return false;
  if (path.length > MOST_WIRE_CHARACTERS) return true;
  let bytes = Buffer.byteLength(path);
  if (bytes <= MOST_PATH_BYTES) return false;
  for (const [mark] of path.matchAll(/\u201b(?:\u201b|[0-9A-F]{2})/g)) bytes -= mark.length === 2 ? 3 : 4;
  return bytes > MOST_PATH_BYTES;
}

/** How many unknown directories a row may create. An agent sends a directory before what is in it. */
export const MOST_UNKNOWN_SEGMENTS = 255;

/** The part of a canonical path above its last `segments`; undefined when it has no more than so many. */
export function pathAbove(path: string, segments: number): string | undefined {
  if (path.length < 2 * segments) return undefined;
  let at = path.length;
  for (let left = segments; left > 0; left--) at = path.lastIndexOf("/", at - 1);
  return at <= 0 ? undefined : path.slice(0, at);
}
