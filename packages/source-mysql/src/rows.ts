/** Rows of a table as they are sent: their members, and the path that each is known by. Pure. */
import type { Row } from "fustor-agent/sdk";
import { kindOf, type ValueKind } from "./values.ts";

/** The member of every row that holds its path. */
export const PATH = "path";
export const memberOf = (column: string): string => (column === PATH ? "path_" : column);

export interface Column {
  readonly name: string;
  /** As the catalog or the log says it. */
  readonly type: string;
  readonly member: string;
  readonly kind: ValueKind;
}

export const columnOf = (name: string, type: string, kind: ValueKind = kindOf(type)): Column => ({
  name,
  type,
  member: memberOf(name),
  kind,
});

const segment = (text: string): string => encodeURIComponent(text).replaceAll(".", "%2E");

/** The path that those of a table's rows lie below. */
export const tablePath = (name: string): string => `/${segment(name)}`;

/** A path may not end in these: a receiver would take it for that of the table, or for what lies above. */
const PLAIN: ReadonlyMap<string, string> = new Map([
  ["", "%00"],
  [".", "%2E"],
  ["..", "%2E%2E"],
]);

const part = (value: unknown): string =>
  encodeURIComponent(typeof value === "object" ? JSON.stringify(value) : String(value));

/** The path of a row, from the values of its key as JSON has them. */
export function rowPath(below: string, key: readonly unknown[]): string {
  const name = key.length === 1 ? part(key[0]) : key.map(part).join(",");
  return `${below}/${PLAIN.get(name) ?? name}`;
}

const decoded = ({ kind }: Column, value: unknown): unknown => (value === null ? null : kind.decode(value));

export interface RowShape {
  readonly path: string;
  readonly columns: readonly Column[];
  /** Those of `columns` that a row is known by. */
  readonly key: readonly Column[];
}

type Values = Readonly<Record<string, unknown>>;

/** The path alone, of values as the log has them. */
export const pathIn = ({ path, key }: RowShape, values: Values): string =>
  rowPath(
    path,
    key.map((column) => decoded(column, values[column.name])),
  );

/** A whole row of values as the log has them. */
export function rowIn(shape: RowShape, path: string, values: Values): Row {
  const row: Record<string, unknown> = { [PATH]: path };
  for (const column of shape.columns) row[column.member] = decoded(column, values[column.name]);
  return row;
}

/** A whole row of a query, its values in the order of the columns. */
export function rowOf(shape: RowShape, values: readonly unknown[]): Row {
  const row: Record<string, unknown> = { [PATH]: "" };
  for (const [at, column] of shape.columns.entries()) row[column.member] = decoded(column, values[at]);
  row[PATH] = rowPath(
    shape.path,
    shape.key.map(({ member }) => row[member]),
  );
  return row;
}
