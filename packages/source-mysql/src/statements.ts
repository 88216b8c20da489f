/** What a statement in the log means for tables. Pure: it reads the statement's text and nothing else. */

export type Statement =
  | { readonly kind: "begin" | "commit" | "other" }
  /** Every row of these tables is gone. */
  | { readonly kind: "emptied"; readonly tables: readonly TableName[] }
  /** A table was made, which begins without rows. */
  | { readonly kind: "created"; readonly table: TableName; readonly replaces: boolean }
  /** Tables look different, have other names, or have lost rows without a word in the log. */
  | { readonly kind: "altered"; readonly tables: readonly TableName[]; readonly gone: readonly TableName[] }
  | { readonly kind: "dropped database"; readonly database: string }
  /** Rows were changed by a statement instead of being logged. */
  | { readonly kind: "unlogged" }
  | { readonly kind: "xa begin" | "xa end" | "xa commit" | "xa rollback"; readonly xid: string };

export interface TableName {
  readonly database: string;
  readonly name: string;
}

/** Comments go, but for those that are meant for the server. */
export function plain(sql: string): string {
  return sql
    .replace(/\/\*M?!\d*([\s\S]*?)\*\//g, " $1 ")
    .replace(/\/\*[\s\S]*?\*\//g, " ")
    .replace(/^\s*(--[^\n]*\n|#[^\n]*\n|\s)+/g, "")
    .trim();
}

const IDENTIFIER = '(?:`(?:[^`]|``)+`|"(?:[^"]|"")+"|[\\p{L}\\p{N}_$]+)';
const NAME = `${IDENTIFIER}(?:\\s*\\.\\s*${IDENTIFIER})?`;
const NAMES = `${NAME}(?:\\s*,\\s*${NAME})*`;
const pattern = (text: string): RegExp => new RegExp(`^${text}`, "iu");

const TRUNCATE = pattern(`TRUNCATE(?:\\s+TABLE)?\\s+(${NAME})`);
const DROP = pattern(`DROP\\s+TABLES?\\s+(?:IF\\s+EXISTS\\s+)?(${NAMES})`);
const CREATE = pattern(`CREATE(\\s+OR\\s+REPLACE)?\\s+TABLE\\s+(?:IF\\s+NOT\\s+EXISTS\\s+)?(${NAME})`);
const DROP_DATABASE = pattern(`DROP\\s+(?:DATABASE|SCHEMA)\\s+(?:IF\\s+EXISTS\\s+)?(${IDENTIFIER})`);
const RENAME = pattern(`RENAME\\s+TABLES?\\s+(?:IF\\s+EXISTS\\s+)?([\\s\\S]+)`);
const RENAMED = new RegExp(`(${NAME})(?:\\s+(?:NO)?WAIT\\s*\\d*)?\\s+TO\\s+(${NAME})`, "giu");
const ALTER = pattern(
  `ALTER(?:\\s+(?:ONLINE|OFFLINE|IGNORE))*\\s+TABLE\\s+(?:IF\\s+EXISTS\\s+)?(${NAME})(?:\\s+([\\s\\S]*))?$`,
);
/** Rows go without a word in the log, or are known by another key, or the table has another name. */
const TAKES_ROWS =
  /^(?:(?:TRUNCATE|DROP|EXCHANGE|CONVERT)\s+PARTITION|(?:DISCARD|IMPORT)\b|(?:ADD|MODIFY|CHANGE|DROP)\b.*\bPRIMARY\b|RENAME\s+(?!(?:COLUMN|INDEX|KEY)\b))/isu;
/** Rows stay as they are. */
const KEEPS_ROWS = new RegExp(
  "^(?:ADD\\s+(?:UNIQUE|FULLTEXT|SPATIAL|INDEX|KEY|CONSTRAINT|FOREIGN|CHECK|PARTITION)\\b|DROP\\s+(?:INDEX|KEY|CONSTRAINT|FOREIGN|CHECK)\\b|" +
    "RENAME\\s+(?:INDEX|KEY)\\b|ALTER\\s+(?:INDEX|CHECK|CONSTRAINT)\\b|(?:ANALYZE|REBUILD|OPTIMIZE|REORGANIZE|COALESCE|CHECK|REPAIR)\\s+PARTITION\\b|" +
    "(?:ENGINE|AUTO_INCREMENT|COMMENT|ROW_FORMAT|KEY_BLOCK_SIZE|ALGORITHM|LOCK|STATS_\\w+|FORCE|DISABLE|ENABLE|WAIT|NOWAIT)\\b|$)",
  "iu",
);
const UNLOGGED = /^(INSERT|UPDATE|DELETE|REPLACE|LOAD\s+DATA|WITH)\b/i;
const XA = /^XA\s+(START|BEGIN|END|COMMIT|ROLLBACK)\s+(.*?)\s*(?:ONE\s+PHASE)?$/is;

const unquoted = (part: string): string => {
  const mark = part[0];
  return mark === "`" || mark === '"' ? part.slice(1, -1).replaceAll(mark + mark, mark) : part;
};

function nameOf(text: string, database: string): TableName {
  const [first = "", second] = (text.match(new RegExp(IDENTIFIER, "gu")) ?? []).map(unquoted);
  return second === undefined ? { database, name: first } : { database: first, name: second };
}

const namesOf = (text: string, database: string): readonly TableName[] =>
  (text.match(new RegExp(NAME, "gu")) ?? []).map((name) => nameOf(name, database));

/** `database` is the one that the statement was run in. */
export function statementOf(sql: string, database: string): Statement {
  if (/^BEGIN\s*$/i.test(sql) || /^START\s+TRANSACTION\b/i.test(sql)) return { kind: "begin" };
  if (/^(COMMIT|ROLLBACK)\s*$/i.test(sql)) return { kind: "commit" };
  const text = plain(sql);
  return tableStatement(text, database) ?? xaStatement(text) ?? (UNLOGGED.test(text) ? { kind: "unlogged" } : OTHER);
}

const OTHER: Statement = { kind: "other" };

function tableStatement(text: string, database: string): Statement | undefined {
  const emptied = TRUNCATE.exec(text)?.[1] ?? DROP.exec(text)?.[1];
  if (emptied !== undefined) return { kind: "emptied", tables: namesOf(emptied, database) };
  const created = CREATE.exec(text);
  if (created !== null) {
    return { kind: "created", table: nameOf(created[2] ?? "", database), replaces: created[1] !== undefined };
  }
  const renamed = RENAME.exec(text)?.[1];
  if (renamed !== undefined) {
    const pairs = [...renamed.matchAll(RENAMED)].map(([, from = "", to = ""]) =>
      [from, to].map((name) => nameOf(name, database)),
    );
    return { kind: "altered", tables: pairs.flat(), gone: pairs.flatMap(([from]) => from ?? []) };
  }
  const altered = ALTER.exec(text);
  if (altered !== null) return alteredBy(nameOf(altered[1] ?? "", database), altered[2] ?? "");
  const dropped = DROP_DATABASE.exec(text)?.[1];
  if (dropped !== undefined) return { kind: "dropped database", database: unquoted(dropped) };
  return undefined;
}

function alteredBy(table: TableName, text: string): Statement {
  const clauses = clausesOf(text);
  if (clauses.some((clause) => TAKES_ROWS.test(clause.replace(QUOTED, "''")))) {
    return { kind: "altered", tables: [table], gone: [table] };
  }
  return clauses.every((clause) => KEEPS_ROWS.test(clause)) ? OTHER : { kind: "altered", tables: [table], gone: [] };
}

const QUOTED = /"(?:[^"]|"")*"|'(?:[^'\\]|\\.|'')*'|`(?:[^`]|``)*`/gs;

/** Parted at the commas that stand in neither parentheses nor quotes. */
function clausesOf(text: string): readonly string[] {
  const parts = text.match(/"(?:[^"]|"")*"|'(?:[^'\\]|\\.|'')*'|`(?:[^`]|``)*`|[(),]|[^"'`(),]+/gs) ?? [];
  const clauses: string[] = [""];
  let depth = 0;
  for (const part of parts) {
    if (part === "(") depth++;
    if (part === ")") depth--;
    if (part === "," && depth === 0) clauses.push("");
    else clauses.push(`${clauses.pop() ?? ""}${part}`);
  }
  return clauses.map((clause) => clause.trim());
}

function xaStatement(text: string): Statement | undefined {
  const [, verb = "", xid = ""] = XA.exec(text) ?? [];
  switch (verb.toUpperCase()) {
    case "START":
    case "BEGIN":
      return { kind: "xa begin", xid };
    case "END":
      return { kind: "xa end", xid };
    case "COMMIT":
      return { kind: "xa commit", xid };
    case "ROLLBACK":
      return { kind: "xa rollback", xid };
    default:
      return undefined;
  }
}
