/**
 * Keys of objects as paths of files. Each key has one path and each path one key, whatever the key looks like. Pure.
 *
 * A key is cut at its slashes. What cannot be a segment of a path is written with U+201B, as the fs source writes bytes
 * that are no text: an empty segment `‛2F`, the segments `.` and `..` `‛2E` and `‛2E‛2E`, U+0000 `‛00`, and U+201B
 * itself doubled. A slash at the end makes a directory. Where an object has the name of a directory (`a` beside `a/b`),
 * a single U+201B follows the name of the object.
 */
const MARK = "\u201b";
const EMPTY = `${MARK}2F`;
const DOT = `${MARK}2E`;

const isPlain = (key: string): boolean =>
  !/[\0\u201b]/.test(key) &&
  !key.startsWith("/") &&
  !key.endsWith("/") &&
  !key.includes("//") &&
  !/(^|\/)\.{1,2}(\/|$)/.test(key);

function segmentPath(segment: string): string {
  if (segment === "") return EMPTY;
  if (segment === "." || segment === "..") return DOT.repeat(segment.length);
  return segment.replaceAll(MARK, MARK + MARK).replaceAll("\0", `${MARK}00`);
}

function segmentKey(segment: string): string {
  if (segment === EMPTY) return "";
  return segment.replace(/\u201b(?:\u201b|([0-9A-F]{2}))/g, (_, hex: string | undefined) =>
    hex === undefined ? MARK : String.fromCharCode(Number.parseInt(hex, 16)),
  );
}

export interface KeyPath {
  /** Begins with a slash. */
  readonly path: string;
  /** The key ends with a slash: it stands for the directory itself. */
  readonly isDirectory: boolean;
}

/** The path of a key that is relative to the prefix. The key "" is that of the root's own marker. */
export function pathOfKey(key: string): KeyPath {
  if (key === "") return { path: "/", isDirectory: true };
  const isDirectory = key.endsWith("/");
  const name = isDirectory ? key.slice(0, -1) : key;
  if (name !== "" && isPlain(name)) return { path: `/${name}`, isDirectory };
  return { path: `/${name.split("/").map(segmentPath).join("/")}`, isDirectory };
}

/** The name of an object beside a directory with its path. */
export const besideDirectory = (path: string): string => path + MARK;

export const lastSegment = (path: string): string => path.slice(path.lastIndexOf("/") + 1);

/** The directory that a path lies in; "" for the root and what lies in it. */
export const directoryOf = (path: string): string => path.slice(0, Math.max(path.lastIndexOf("/"), 0));

/**
 * The key of a path, without the slash at its end when it is that of a directory; undefined for a path that no key has.
 * No object but the root's own marker has the key "".
 */
export function keyOfPath(path: string): string | undefined {
  if (path === "/") return "";
  const marks = /\u201b*$/.exec(path)?.[0].length ?? 0;
  const bare = marks % 2 === 1 ? path.slice(0, -1) : path;
  const key = bare.slice(1).split("/").map(segmentKey).join("/");
  return pathOfKey(isFileKey(key) ? key : `${key}/`).path === bare ? key : undefined;
}

/** Whether an object with this key is shown as a file. */
export const isFileKey = (key: string): boolean => key !== "" && !key.endsWith("/");

/** As stores sort keys: by the bytes of UTF-8, which is the order of code points. */
export function compareKeys(one: string, other: string): number {
  const length = Math.min(one.length, other.length);
  for (let at = 0; at < length; at++) {
    const [a, b] = [one.charCodeAt(at), other.charCodeAt(at)];
    if (a !== b) return rank(a) - rank(b);
  }
  return one.length - other.length;
}

/** Halves of a pair stand for code points above all others. */
const rank = (unit: number): number => (unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit);
