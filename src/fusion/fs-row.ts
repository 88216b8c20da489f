import { canonicalPath, isPathTooLong } from "./tree-path.ts";

/** A row of the fs schema as an agent sent it; every member may be missing or of the wrong kind. */
export type RawRow = Readonly<Record<string, unknown>>;

export const asRow = (row: unknown): RawRow | undefined =>
  typeof row === "object" && row !== null && !Array.isArray(row) ? (row as RawRow) : undefined;

/** The canonical path of a row, or undefined when no file can have that path. */
export function pathOf(row: RawRow): string | undefined {
  const path = row.path ?? row.file_path;
  return typeof path === "string" && path !== "" && !isPathTooLong(path) ? canonicalPath(path) : undefined;
}

export const nameOf = (row: RawRow): string => (typeof row.file_name === "string" ? row.file_name : "");

export const isDirectory = (row: RawRow): boolean => (row.is_directory ?? row.is_dir) === true;

/** Seconds since 1970, or undefined when the row gives no finite number. */
export function modifiedOf(row: RawRow): number | undefined {
  const time = row.modified_time;
  return typeof time === "number" && Number.isFinite(time) ? time : undefined;
}

export const numberOr = (value: unknown, fallback: number): number =>
  typeof value === "number" && Number.isFinite(value) ? value : fallback;

/** A member that is there must be a number, null counting as absent. */
export const isNumberOrAbsent = (value: unknown): boolean =>
  value === undefined || value === null || (typeof value === "number" && Number.isFinite(value));

/** What `off_t` can hold. */
const MOST_BYTES = 2 ** 63;

export const isSize = (value: unknown): value is number =>
  typeof value === "number" && value >= 0 && value <= MOST_BYTES;

/** A size may be missing or of the wrong kind, which counts as 0. It must not be a number that no file can have. */
export const isSizeOrNone = (value: unknown): boolean => typeof value !== "number" || isSize(value);
