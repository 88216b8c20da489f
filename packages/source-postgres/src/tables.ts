/** Which tables a publication holds, and how their rows are known. */
import type { Row } from "fustor-agent/sdk";
import type { Client } from "pg";
import { unavailable } from "./failures.ts";
import { type Decode, decoderOf } from "./values.ts";

export interface Column {
  readonly name: string;
  readonly type: number;
  /** The member of the row. */
  readonly member: string;
  readonly decode: Decode;
}

export interface Table {
  readonly oid: number;
  readonly schema: string;
  readonly name: string;
  /** `table` on the wire: schema and name. */
  readonly label: string;
  /** The path that those of its rows lie below. */
  readonly path: string;
  readonly columns: readonly Column[];
  /** Names of the columns that a row is known by. */
  readonly key: readonly string[];
  /** SQL that a row has to satisfy to be published. */
  readonly filter: string | undefined;
}

export interface Catalog {
  readonly tables: readonly Table[];
  readonly domains: ReadonlyMap<number, number>;
}

/** The member of every row that holds its path. */
export const PATH = "path";
const memberOf = (column: string): string => (column === PATH ? "path_" : column);

export const columnOf = (name: string, type: number, domains: Catalog["domains"]): Column => ({
  name,
  type,
  member: memberOf(name),
  decode: decoderOf(type, domains),
});

export const quoted = (name: string): string => `"${name.replaceAll('"', '""')}"`;
export const qualified = ({ schema, name }: Pick<Table, "schema" | "name">): string =>
  `${quoted(schema)}.${quoted(name)}`;

const segment = (text: string): string => encodeURIComponent(text).replaceAll(".", "%2E");

/** A path may not end in these: a receiver would take it for that of the table, or for what lies above. */
const PLAIN: ReadonlyMap<string, string> = new Map([
  ["", "%00"],
  [".", "%2E"],
  ["..", "%2E%2E"],
]);

/** The path of a row, from the values of its key as JSON has them. */
export function rowPath(table: Table, read: (column: string) => unknown): string {
  const values = table.key.map((column) => {
    const value = read(column);
    return encodeURIComponent(typeof value === "object" ? JSON.stringify(value) : String(value));
  });
  const name = values.join(",");
  return `${table.path}/${PLAIN.get(name) ?? name}`;
}

/** A whole row from its columns as text, in the table's order. */
export function rowOf(table: Table, values: readonly (string | null)[]): Row {
  const row: Record<string, unknown> = { [PATH]: "" };
  for (const [at, { member, decode }] of table.columns.entries()) {
    const value = values[at];
    row[member] = value === null || value === undefined ? null : decode(value);
  }
  row[PATH] = rowPath(table, (column) => row[memberOf(column)]);
  return row;
}

interface FoundTable {
  readonly oid: number;
  readonly schema: string;
  readonly name: string;
  readonly identity: string;
  readonly readable: boolean;
  readonly user: string;
  readonly columns: readonly string[] | null;
  readonly filter: string | null;
}

const TABLES = (hasFilters: boolean): string => `
  SELECT c.oid::int8::text AS oid, n.nspname AS schema, c.relname AS name, c.relreplident AS identity,
         has_table_privilege(c.oid, 'SELECT') AS readable, current_user AS user,
         ${hasFilters ? "p.attnames::text[]" : "NULL::text[]"} AS columns, ${hasFilters ? "p.rowfilter" : "NULL"} AS filter
  FROM pg_publication_tables p
  JOIN pg_namespace n ON n.nspname = p.schemaname
  JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = p.tablename
  WHERE p.pubname = $1 ORDER BY 2, 3`;

const COLUMNS = `
  SELECT attrelid::int8::text AS oid, attname AS name, atttypid::int8::text AS type
  FROM pg_attribute
  WHERE attrelid = ANY($1::oid[]) AND attnum > 0 AND NOT attisdropped AND attgenerated = ''
  ORDER BY attrelid, attnum`;

const KEYS = `
  SELECT i.indrelid::int8::text AS oid, a.attname AS name, i.indisprimary AS primary, i.indisreplident AS identity
  FROM pg_index i
  CROSS JOIN LATERAL unnest(i.indkey::int2[]) WITH ORDINALITY AS k(attnum, place)
  JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
  WHERE i.indrelid = ANY($1::oid[]) AND (i.indisprimary OR i.indisreplident) AND k.place <= i.indnkeyatts
  ORDER BY i.indrelid, k.place`;

const DOMAINS = `SELECT oid::int8::text AS oid, typbasetype::int8::text AS base FROM pg_type WHERE typtype = 'd'`;

interface Wanted {
  readonly publication: string;
  readonly tables: readonly string[] | undefined;
}

/** Throws, with the SQL that cures it, when the publication does not hold what is wanted. */
export async function readCatalog(client: Client, wanted: Wanted): Promise<Catalog> {
  const found = await foundTables(client, wanted);
  const oids = [found.map(({ oid }) => oid)];
  const domains = new Map<number, number>();
  for (const { oid, base } of (await client.query(DOMAINS)).rows) domains.set(Number(oid), Number(base));
  const columns = (await client.query<{ oid: string; name: string; type: string }>(COLUMNS, oids)).rows;
  const keys = (await client.query<KeyColumn>(KEYS, oids)).rows;
  const tables = found.map((table) => {
    const own = columns.filter(({ oid }) => Number(oid) === Number(table.oid));
    const published = own.filter(({ name }) => table.columns === null || table.columns.includes(name));
    return {
      oid: Number(table.oid),
      schema: table.schema,
      name: table.name,
      label: `${table.schema}.${table.name}`,
      path: `/${segment(table.schema)}.${segment(table.name)}`,
      columns: published.map(({ name, type }) => columnOf(name, Number(type), domains)),
      key: keyOf(table, keys),
      filter: table.filter ?? undefined,
    };
  });
  return { tables, domains };
}

async function foundTables(client: Client, { publication, tables }: Wanted): Promise<readonly FoundTable[]> {
  const example = tables === undefined ? "ALL TABLES" : `TABLE ${tables.join(", ")}`;
  const exists = await client.query("SELECT 1 FROM pg_publication WHERE pubname = $1", [publication]);
  if (exists.rowCount === 0) {
    throw unavailable(
      `there is no publication ${quoted(publication)}; run: CREATE PUBLICATION ${quoted(publication)} FOR ${example};`,
    );
  }
  const hasFilters = Number((await client.query("SHOW server_version_num")).rows[0]?.server_version_num) >= 150_000;
  const { rows } = await client.query<FoundTable>(TABLES(hasFilters), [publication]);
  const missing = tables?.filter((name) => !rows.some((row) => `${row.schema}.${row.name}` === name)) ?? [];
  if (missing.length > 0) {
    const names = missing.join(", ");
    throw unavailable(
      `the publication ${quoted(publication)} lacks ${names}; run: ALTER PUBLICATION ${quoted(publication)} ADD TABLE ${names};`,
    );
  }
  const chosen = rows.filter((row) => tables === undefined || tables.includes(`${row.schema}.${row.name}`));
  if (chosen.length === 0) {
    throw unavailable(
      `the publication ${quoted(publication)} holds no table; run: ALTER PUBLICATION ${quoted(publication)} ADD TABLE ...;`,
    );
  }
  for (const table of chosen.filter(({ readable }) => !readable)) {
    const [name, user] = [qualified(table), quoted(table.user)];
    throw unavailable(
      `${user} may not read ${name}; run: GRANT USAGE ON SCHEMA ${quoted(table.schema)} TO ${user}; GRANT SELECT ON ${name} TO ${user};`,
    );
  }
  return chosen;
}

interface KeyColumn {
  readonly oid: string;
  readonly name: string;
  readonly primary: boolean;
  readonly identity: boolean;
}

/** The columns that updates and deletes name: PostgreSQL sends no others of a row that is gone. */
function keyOf(table: FoundTable, keys: readonly KeyColumn[]): readonly string[] {
  const own = keys.filter(({ oid }) => Number(oid) === Number(table.oid));
  const chosen = own.filter(({ primary, identity }) => (table.identity === "i" ? identity : primary));
  const name = qualified(table);
  if (table.identity === "n") {
    throw unavailable(`${name} has REPLICA IDENTITY NOTHING; run: ALTER TABLE ${name} REPLICA IDENTITY DEFAULT;`);
  }
  if (chosen.length === 0) {
    throw unavailable(
      `${name} has no primary key, so its rows cannot be told apart; run: ALTER TABLE ${name} ADD PRIMARY KEY (...); ` +
        `or, with a unique index on columns that are NOT NULL: ALTER TABLE ${name} REPLICA IDENTITY USING INDEX ...;`,
    );
  }
  return chosen.map(({ name: column }) => column);
}
