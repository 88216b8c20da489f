/** Which tables the database has, and how their rows are known. */
import type { FustorError } from "fustor-agent/sdk";
import { ask, type Client, quoted } from "./connect.ts";
import { codeOf, unavailable } from "./failures.ts";
import { type Column, columnOf, type RowShape, tablePath } from "./rows.ts";

export interface Table extends RowShape {
  readonly name: string;
  /** Name of the index that a row is known by. */
  readonly index: string;
  /** Names of columns that are computed from others: they are not sent. */
  readonly generated: ReadonlySet<string>;
}

export interface Catalog {
  readonly tables: ReadonlyMap<string, Table>;
  /** Sentences about what the log does not say. */
  readonly notes: readonly string[];
}

export interface Wanted {
  readonly database: string;
  readonly names: readonly string[] | undefined;
}

interface FoundColumn {
  readonly tab: string;
  readonly name: string;
  readonly type: string;
  readonly extra: string;
}

interface FoundKey {
  readonly tab: string;
  readonly idx: string;
  readonly name: string;
  readonly nullable: string;
}

const TABLES = `SELECT TABLE_NAME AS tab FROM information_schema.TABLES
  WHERE TABLE_SCHEMA = ? AND TABLE_TYPE = 'BASE TABLE' ORDER BY TABLE_NAME`;
const COLUMNS = `SELECT TABLE_NAME AS tab, COLUMN_NAME AS name, COLUMN_TYPE AS type, EXTRA AS extra
  FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = ? ORDER BY TABLE_NAME, ORDINAL_POSITION`;
const KEYS = `SELECT TABLE_NAME AS tab, INDEX_NAME AS idx, COLUMN_NAME AS name, NULLABLE AS nullable
  FROM information_schema.STATISTICS WHERE TABLE_SCHEMA = ? AND NON_UNIQUE = 0
  ORDER BY TABLE_NAME, INDEX_NAME <> 'PRIMARY', INDEX_NAME, SEQ_IN_INDEX`;
/** The server changes such rows of `tab` without a word in its log. */
const CASCADES = `SELECT DISTINCT TABLE_NAME AS tab FROM information_schema.REFERENTIAL_CONSTRAINTS
  WHERE CONSTRAINT_SCHEMA = ? AND (DELETE_RULE NOT IN ('RESTRICT', 'NO ACTION') OR UPDATE_RULE NOT IN ('RESTRICT', 'NO ACTION'))`;

/** Throws, with the SQL that cures it, when the database does not hold what is wanted. */
export async function readCatalog(client: Client, wanted: Wanted): Promise<Catalog> {
  const { database } = wanted;
  const names = await wantedNames(client, wanted);
  const columns = byTable(await ask<FoundColumn>(client, COLUMNS, [database]));
  const keys = byTable(await ask<FoundKey>(client, KEYS, [database]));
  const tables = new Map<string, Table>();
  const keyless: string[] = [];
  for (const name of names) {
    const table = tableOf(name, columns.get(name) ?? [], keys.get(name) ?? []);
    if (table === undefined) keyless.push(name);
    else tables.set(name, table);
  }
  if (keyless.length > 0 && (wanted.names !== undefined || tables.size === 0)) throw keylessFailure(database, keyless);
  const cascading = (await ask<{ tab: string }>(client, CASCADES, [database])).filter(({ tab }) => names.includes(tab));
  const notes = [
    ...keyless.map((name) => `${name} is left out: it has no primary key and no unique one without NULL`),
    ...cascading.map(({ tab }) => `rows of ${tab} that foreign keys change or delete are missing in the server's log`),
  ];
  return { tables, notes };
}

function byTable<T extends { readonly tab: string }>(rows: readonly T[]): ReadonlyMap<string, readonly T[]> {
  const found = new Map<string, T[]>();
  for (const row of rows) {
    const own = found.get(row.tab);
    if (own === undefined) found.set(row.tab, [row]);
    else own.push(row);
  }
  return found;
}

async function wantedNames(client: Client, { database, names }: Wanted): Promise<readonly string[]> {
  const found = (await ask<{ tab: string }>(client, TABLES, [database])).map(({ tab }) => tab);
  const missing = names?.filter((name) => !found.includes(name)) ?? [];
  const user = "the user of credential";
  if (missing.length > 0) {
    throw unavailable(
      `${database} has no table ${missing.join(", ")}, or ${user} may not see it; correct driver_params.tables, or run: ` +
        `GRANT SELECT ON ${quoted(database)}.* TO ...;`,
    );
  }
  const chosen = names ?? found;
  for (const name of chosen) await mayRead(client, database, name);
  return chosen;
}

const DENIED: ReadonlySet<number | undefined> = new Set([1142, 1143]);

async function mayRead(client: Client, database: string, name: string): Promise<void> {
  const table = `${quoted(database)}.${quoted(name)}`;
  try {
    await client.query(`SELECT * FROM ${table} LIMIT 0`);
  } catch (error) {
    if (!DENIED.has(codeOf(error))) throw error;
    throw unavailable(`the user may not read ${table}; run: GRANT SELECT ON ${table} TO ...;`, error);
  }
}

/** Undefined when its rows cannot be told apart. */
function tableOf(name: string, found: readonly FoundColumn[], keys: readonly FoundKey[]): Table | undefined {
  const isGenerated = ({ extra }: FoundColumn): boolean => /\b(VIRTUAL|STORED|PERSISTENT)\b/i.test(extra);
  const columns = found.filter((column) => !isGenerated(column)).map((column) => columnOf(column.name, column.type));
  const index = indexOf(keys, columns);
  if (index === undefined) return undefined;
  const key = keys.filter(({ idx }) => idx === index).map((part) => columnNamed(columns, part.name));
  const generated = new Set(found.filter(isGenerated).map((column) => column.name));
  return { name, path: tablePath(name), columns, key, index, generated };
}

function keylessFailure(database: string, names: readonly string[]): FustorError {
  const [name = ""] = names;
  const table = `${quoted(database)}.${quoted(name)}`;
  return unavailable(
    `${names.join(", ")}: no primary key and no unique one without NULL, so the rows cannot be told apart; run: ` +
      `ALTER TABLE ${table} ADD PRIMARY KEY (...);`,
  );
}

/** The first index, the primary one before others, whose columns are all there and never NULL. */
function indexOf(keys: readonly FoundKey[], columns: readonly Column[]): string | undefined {
  return [...new Set(keys.map(({ idx }) => idx))].find((index) =>
    keys
      .filter(({ idx }) => idx === index)
      .every(({ name, nullable }) => nullable !== "YES" && columns.some((column) => column.name === name)),
  );
}

const columnNamed = (columns: readonly Column[], name: string): Column =>
  columns.find((column) => column.name === name) as Column;

/** What a table looks like: another look means that rows differ which no change has touched. */
export const lookOf = ({ columns, key }: Table): string =>
  JSON.stringify([columns.map(({ name, type }) => [name, type]), key.map(({ name }) => name)]);
