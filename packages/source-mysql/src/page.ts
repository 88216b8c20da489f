/** One page of a table in the order of its key. */
import type { Row } from "fustor-agent/sdk";
import { escape as literalText } from "mysql2";
import type { RowDataPacket } from "mysql2/promise";
import type { Table } from "./catalog.ts";
import { type Client, quoted } from "./connect.ts";
import { type Column, rowOf } from "./rows.ts";

export interface PageWish {
  readonly database: string;
  readonly table: Table;
  /** As in {@link Page.after}; absent: from the beginning. */
  readonly after: string | undefined;
  readonly limit: number;
}

export interface Page {
  readonly rows: readonly Row[];
  /** The condition of all rows that follow; undefined when none does. */
  readonly after: string | undefined;
}

/** What a key is put in order by: choices go by their number, not by what they say. */
const orderOf = ({ name, kind }: Column): string => (kind.order === "index" ? `(${quoted(name)} + 0)` : quoted(name));

export async function readPage(client: Client, wish: PageWish): Promise<Page> {
  const { table, limit } = wish;
  const [rows] = await client.query<RowDataPacket[][]>({ sql: pageQuery(wish), rowsAsArray: true });
  const last = rows.length < limit ? undefined : rows.at(-1);
  return {
    rows: rows.map((values) => rowOf(table, values)),
    after: last === undefined ? undefined : afterKey(table, last.slice(table.columns.length)),
  };
}

function pageQuery({ database, table, after, limit }: PageWish): string {
  const { columns, key, name, index } = table;
  const read = [...columns.map((column) => column.kind.read(quoted(column.name))), ...key.map(keyOf)].join(", ");
  const where = after === undefined ? "" : ` WHERE ${after}`;
  const order = key.map(({ name: column }) => quoted(column)).join(", ");
  const from = `${quoted(database)}.${quoted(name)} FORCE INDEX (${quoted(index)})`;
  return `SELECT ${read} FROM ${from}${where} ORDER BY ${order} LIMIT ${limit}`;
}

/** The columns of the key once more, as they are compared. */
const keyOf = (column: Column): string =>
  column.kind.order === "index" ? orderOf(column) : column.kind.read(quoted(column.name));

/** In a form that the server finds in an index: greater in one column, equal in those before it. */
export function afterKey({ key }: Pick<Table, "key">, values: readonly unknown[]): string {
  const [names, literals] = [key.map(orderOf), key.map((column, at) => literalOf(column, values[at]))];
  const equal = names.map((name, at) => `${name} = ${literals[at]}`);
  const terms = names.map((name, at) => [...equal.slice(0, at), `${name} > ${literals[at]}`].join(" AND "));
  return terms.map((term) => `(${term})`).join(" OR ");
}

const NUMERAL = /^-?\d+(\.\d+)?(e[+-]?\d+)?$/i;

/** Numbers without quotes: the server would compare them as floating ones otherwise. */
function literalOf({ kind }: Column, value: unknown): string {
  const text = String(value);
  if ((kind.order === "number" || kind.order === "index") && NUMERAL.test(text)) return text;
  return Buffer.isBuffer(value) ? `X'${value.toString("hex")}'` : literalText(text);
}
