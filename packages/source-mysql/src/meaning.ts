/** What a statement in the log means for the tables that are sent. Pure. */
import type { Statement, TableName } from "./statements.ts";

export interface Meaning {
  /** Names of tables below whose path everything goes. */
  readonly emptied: readonly string[];
  /** Why a snapshot has to follow. */
  readonly wanted?: string;
  /** Tables or columns are others than before. */
  readonly isChanged: boolean;
}

export interface Circumstances {
  readonly database: string;
  /** Whether a table that is not among them is wanted once it is made. */
  readonly every: boolean;
  readonly tables: ReadonlyMap<string, unknown>;
  readonly query: string;
  /** The database that the statement was run in. */
  readonly schema: string;
}

const NOTHING: Meaning = { emptied: [], isChanged: false };
const UNLOGGED = "a session with another binlog_format than ROW changed rows; which ones, the log does not say";

export function meaningOf(statement: Statement, { database, every, tables, query, schema }: Circumstances): Meaning {
  const isOurs = (table: TableName): boolean => table.database === database && (every || tables.has(table.name));
  const ours = (all: readonly TableName[]): readonly string[] => all.filter(isOurs).map(({ name }) => name);
  switch (statement.kind) {
    case "emptied":
      return { emptied: ours(statement.tables), isChanged: false };
    case "created":
      return { emptied: statement.replaces ? ours([statement.table]) : [], isChanged: isOurs(statement.table) };
    case "altered": {
      const [name] = ours(statement.tables);
      if (name === undefined) return NOTHING;
      return { emptied: ours(statement.gone), isChanged: true, wanted: `the table ${name} was altered` };
    }
    case "dropped database":
      return statement.database === database ? { emptied: [...tables.keys()], isChanged: false } : NOTHING;
    case "unlogged":
      return schema === database || query.includes(database) ? { ...NOTHING, wanted: UNLOGGED } : NOTHING;
    default:
      return NOTHING;
  }
}
