/** What keeps a source from working is said with its cure, and never with the password. */
import { expect, onTestFinished, test } from "vitest";
import { waitFor } from "../../../test/support/wait-for.ts";
import { column, databaseOf, THINGS } from "./changes.ts";
import { type Database, type MariadbServer, SECRET, USER } from "./mariadb-server.ts";
import { Mirror } from "./mirror.ts";

type Options = Parameters<typeof Mirror.of>[1];

async function reasonOf(database: Database, options: Options = {}): Promise<string> {
  const mirror = await Mirror.of(database, options);
  await mirror.source.open({ signal: AbortSignal.timeout(60_000) });
  const { availability } = mirror.source.status();
  await mirror.close();
  expect(`${JSON.stringify(availability)}${mirror.logged.join()}`).not.toMatch(new RegExp(`${SECRET}|wr0ng`));
  return availability.state === "unavailable" ? availability.reason : availability.state;
}

export function settings(server: () => MariadbServer): void {
  const database = (sql: string): Promise<Database> => databaseOf(server(), sql);

  test.each([
    ["binlog_format", "MIXED", "ROW", "binlog_format is MIXED, not ROW; run: SET GLOBAL binlog_format = 'ROW'"],
    ["binlog_row_image", "MINIMAL", "FULL", "binlog_row_image is MINIMAL, not FULL; run: SET GLOBAL"],
    ["binlog_row_metadata", "MINIMAL", "FULL", "binlog_row_metadata is MINIMAL, not FULL; run: SET GLOBAL"],
  ])("%s as %s", async (name, wrong, right, reason) => {
    const things = await database(THINGS);
    const set = (value: string | number): Promise<unknown> => server().sql(`SET GLOBAL ${name} = ?`, [value]);
    onTestFinished(() => void set(right));
    await set(wrong);
    expect(await reasonOf(things)).toContain(reason);
    await set(right);
    expect(await reasonOf(things)).toBe("available");
  });

  test("a server without a log", async () => {
    const things = await database(THINGS);
    await server().stop();
    await server().begin("--skip-log-bin");
    const reason = await reasonOf(things);
    await server().stop();
    await server().begin();
    await things.comeBack();
    expect(reason).toContain("log_bin is OFF, not ON; write log_bin into the server's configuration and restart it");
  });

  test("rights, names and keys", async () => {
    const things = await database(`${THINGS} CREATE TABLE keyless (v text)`);
    const root = server();
    expect(await reasonOf(things, { password: "wr0ng" })).toMatch(/Access denied.*; correct the user or the password/);
    expect(await reasonOf(things, { uri: things.uri.replace(/:\d+/, ":1") })).toMatch(/127\.0\.0\.1:1.*ECONNREFUSED/);
    expect(await reasonOf(things, { uri: things.uri.replace(/\w+$/, "nowhere") })).toMatch(
      /GRANT SELECT|correct the database/,
    );
    expect(await reasonOf(things, { params: { tables: "nothing" } })).toContain("has no table nothing");
    expect(await reasonOf(things, { params: { tables: "keyless" } })).toContain("keyless` ADD PRIMARY KEY (...);");
    await root.sql(`REVOKE BINLOG MONITOR ON *.* FROM ${USER}@'%'`);
    onTestFinished(() => void root.sql(`GRANT REPLICATION SLAVE, BINLOG MONITOR ON *.* TO ${USER}@'%'`));
    expect(await reasonOf(things)).toContain(`run: GRANT REPLICATION SLAVE, BINLOG MONITOR ON *.* TO '${USER}'@'%';`);
    await root.sql(`GRANT BINLOG MONITOR ON *.* TO ${USER}@'%'; REVOKE SELECT ON ${things.name}.* FROM ${USER}@'%';
      GRANT SELECT (id) ON ${things.name}.things TO ${USER}@'%'`);
    expect(await reasonOf(things, { params: { tables: "things" } })).toMatch(/may not read .*; run: GRANT SELECT ON/);
  });

  test("TLS checks the certificate when it is told to", async () => {
    const things = await database(THINGS);
    const strict = { sslmode: "verify-full" };
    const uri = things.uri.replace("127.0.0.1", "localhost");
    expect(await reasonOf(things, { uri, params: strict })).toMatch(/certificate/);
    const mirror = await (await Mirror.of(things, { uri, params: { ...strict, ca_file: server().caFile } })).start();
    await mirror.shows(column(things, "v"), "v");
    await things.sql("DELETE FROM things WHERE id = 1");
    await mirror.shows(column(things, "v"), "v");
  });

  test("a session that logs statements or parts of rows costs a snapshot, with a word about it", async () => {
    const things = await database(THINGS);
    const mirror = await (await Mirror.of(things)).start();
    await mirror.shows(column(things, "v"), "v");
    await things.sql(
      "SET SESSION binlog_format = 'STATEMENT'; UPDATE things SET v = 'said'; SET SESSION binlog_format = 'ROW'",
    );
    await mirror.shows(column(things, "v"), "v");
    await things.sql("SET SESSION binlog_row_image = 'MINIMAL'; UPDATE things SET v = 'part' WHERE id = 1");
    await mirror.shows(column(things, "v"), "v");
    expect(mirror.snapshots).toBe(3);
    await waitFor(() => /binlog_format.*binlog_row_image/s.test(mirror.logged.join()), {
      timeoutMs: 5_000,
      what: "a word",
    });
  });
}
