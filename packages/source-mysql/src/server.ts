/** What the server has to be set to, and where its log is. */

import type { LogPlace } from "./clock.ts";
import { ask, type Client } from "./connect.ts";
import { unavailable } from "./failures.ts";
import { type Flavor, positionOf } from "./gtid.ts";

export interface Server {
  readonly flavor: Flavor;
  readonly version: string;
  /** The statement that says where the log is. */
  readonly showLog: string;
}

/** A setting, the value that it must have, and what makes it so. */
interface Demand {
  readonly name: string;
  readonly value: string;
  readonly cure: string;
  /** Servers that lack it are none the worse. */
  readonly isOptional?: boolean;
}

const live = (name: string, value: string): Demand => ({
  name,
  value,
  cure: `run: SET GLOBAL ${name} = '${value}'; and write it into the server's configuration`,
});

const ALL: readonly Demand[] = [
  { name: "log_bin", value: "ON", cure: "write log_bin into the server's configuration and restart it" },
  {
    name: "binlog_format",
    value: "ROW",
    cure: "run: SET GLOBAL binlog_format = 'ROW'; write it into the server's configuration, and have the clients connect again",
  },
  live("binlog_row_image", "FULL"),
  live("binlog_row_metadata", "FULL"),
];

const GTID_STEPS =
  "run: SET PERSIST enforce_gtid_consistency = ON; SET PERSIST gtid_mode = OFF_PERMISSIVE; " +
  "SET PERSIST gtid_mode = ON_PERMISSIVE; SET PERSIST gtid_mode = ON;";

const MYSQL: readonly Demand[] = [
  { name: "gtid_mode", value: "ON", cure: GTID_STEPS },
  { ...live("binlog_transaction_compression", "OFF"), isOptional: true },
  { ...live("binlog_row_value_options", ""), isOptional: true },
];

/** Throws, with what cures it, when changes cannot be read from this server. */
export async function examine(client: Client): Promise<Server> {
  const [{ version = "" } = {}] = await ask<{ version: string }>(client, "SELECT VERSION() AS version");
  const flavor: Flavor = /mariadb/i.test(version) ? "mariadb" : "mysql";
  const rows = await ask<{ Variable_name: string; Value: string }>(
    client,
    "SHOW GLOBAL VARIABLES WHERE Variable_name IN (?)",
    [[...ALL, ...MYSQL].map(({ name }) => name).concat("server_id")],
  );
  demandSettings(flavor, version, new Map(rows.map((row) => [row.Variable_name.toLowerCase(), row.Value])));
  await demandGrants(client, flavor);
  return { flavor, version, showLog: showLogOf(flavor, version) };
}

/** Throws at the first setting that keeps changes from being read. */
export function demandSettings(flavor: Flavor, version: string, settings: ReadonlyMap<string, string>): void {
  for (const { name, value, cure, isOptional = false } of flavor === "mysql" ? [...ALL, ...MYSQL] : ALL) {
    const found = settings.get(name);
    if (found === undefined && isOptional) continue;
    if (found === undefined) {
      throw unavailable(`the server (${version}) has no ${name}; it has to be MySQL 8.0 or MariaDB 10.5, or later`);
    }
    if (found.toUpperCase() !== value) throw unavailable(`${name} is ${found}, not ${value || "empty"}; ${cure}`);
  }
  if (settings.get("server_id") === "0") {
    throw unavailable("server_id is 0, so the server sends its log to no reader; run: SET GLOBAL server_id = 1;");
  }
}

/** Of MariaDB 10.5 and later, where REPLICATION CLIENT is a name for BINLOG MONITOR. RELOAD is for the lock of a snapshot. */
const PRIVILEGES: Readonly<Record<Flavor, readonly RegExp[]>> = {
  mysql: [/\bREPLICATION SLAVE\b/, /\bREPLICATION CLIENT\b/, /\bRELOAD\b/],
  mariadb: [/\bREPLICATION (SLAVE|REPLICA)\b/, /\b(BINLOG MONITOR|REPLICATION CLIENT)\b/],
};
const NAMES: Readonly<Record<Flavor, string>> = {
  mysql: "REPLICATION SLAVE, REPLICATION CLIENT, RELOAD",
  mariadb: "REPLICATION SLAVE, BINLOG MONITOR",
};

/** What a role grants is not looked into: the server itself will say what is missing. */
async function demandGrants(client: Client, flavor: Flavor): Promise<void> {
  const [{ user = "" } = {}] = await ask<{ user: string }>(client, "SELECT CURRENT_USER() AS user");
  const grants = (await ask<Record<string, string>>(client, "SHOW GRANTS")).flatMap((row) => Object.values(row));
  const everywhere = grants.filter((grant) => /\bON \*\.\*/.test(grant)).join("\n");
  const hasRole = grants.some((grant) => !/^(GRANT|REVOKE) .* ON /.test(grant) && !grant.startsWith("SET DEFAULT"));
  if (/\bALL PRIVILEGES\b/.test(everywhere) || hasRole) return;
  if (PRIVILEGES[flavor].every((privilege) => privilege.test(everywhere))) return;
  const account = user.split("@").map((part) => `'${part}'`);
  throw unavailable(`${user} may not read the log; run: GRANT ${NAMES[flavor]} ON *.* TO ${account.join("@")};`);
}

function showLogOf(flavor: Flavor, version: string): string {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  const isNew = flavor === "mysql" && (major > 8 || (major === 8 && minor >= 2));
  return isNew ? "SHOW BINARY LOG STATUS" : "SHOW MASTER STATUS";
}

/** The end of the log. */
export async function logPlace(client: Client, { showLog }: Server): Promise<LogPlace> {
  const [found] = await ask<{ File: string; Position: string | number }>(client, showLog);
  if (found === undefined) throw unavailable("the server keeps no log");
  return { file: found.File, offset: Number(found.Position) };
}

/** The transactions up to now; some that come after may be in the log already. */
export async function currentPosition(client: Client, { flavor }: Server): Promise<string> {
  const variable = flavor === "mysql" ? "@@GLOBAL.gtid_executed" : "@@GLOBAL.gtid_binlog_pos";
  const [{ gtids = "" } = {}] = await ask<{ gtids: string }>(client, `SELECT ${variable} AS gtids`);
  return positionOf(flavor, gtids);
}

/**
 * Begins a transaction that sees every change before the place that is returned, and none after it. MariaDB says by
 * itself which place that is. MySQL does not, so all writers are held up for the two statements that it takes.
 */
export async function beginSnapshot(client: Client, server: Server): Promise<LogPlace> {
  await client.query("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ");
  if (server.flavor === "mysql") return beginLocked(client, server);
  await client.query("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY");
  const rows = await ask<{ Variable_name: string; Value: string }>(client, "SHOW STATUS LIKE 'binlog_snapshot_%'");
  const of = (end: string): string =>
    rows.find(({ Variable_name: name }) => name.toLowerCase().endsWith(end))?.Value ?? "";
  const [file, offset] = [of("_file"), of("_position")];
  if (file === "") throw unavailable("the server does not say where in its log a snapshot is");
  return { file, offset: Number(offset) };
}

/** A statement that runs for long holds the lock up, and the lock all that come after it: it does not wait for long. */
async function beginLocked(client: Client, server: Server): Promise<LogPlace> {
  await client.query("SET SESSION lock_wait_timeout = 5");
  await client.query("FLUSH TABLES WITH READ LOCK");
  try {
    await client.query("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY");
    return await logPlace(client, server);
  } finally {
    await client.query("UNLOCK TABLES");
  }
}
