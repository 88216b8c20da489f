/** What the stream and the snapshot say of rows and tables. */
import { expect, onTestFinished, test } from "vitest";
import { waitFor } from "../../../test/support/wait-for.ts";
import type { Database, MariadbServer } from "./mariadb-server.ts";
import { Mirror } from "./mirror.ts";

export const THINGS = `
  CREATE TABLE things (id int PRIMARY KEY, v varchar(100));
  INSERT INTO things SELECT seq, concat('v', seq) FROM seq_1_to_3;`;

export const column =
  (from: Database, name: string, table = "things") =>
  async (): Promise<Record<string, unknown>> => {
    const rows = await from.sql<{ id: string; value: unknown }>(`SELECT id, ${name} AS value FROM ${table}`);
    return Object.fromEntries(rows.map(({ id, value }) => [`/${table}/${id}`, value]));
  };

export async function databaseOf(server: MariadbServer, sql: string): Promise<Database> {
  const made = await server.database(sql);
  onTestFinished(() => made.close());
  return made;
}

const oneSnapshot = (mirror: Mirror): Promise<unknown> =>
  waitFor(() => mirror.snapshots === 1, { timeoutMs: 15_000, what: () => `a snapshot; ${mirror.failures.join()}` });

const KINDS = `
  CREATE TABLE kinds (
    id bigint unsigned, path varchar(10) CHARACTER SET latin1, t tinyint(1), i int, n decimal(30,10), f float, d double,
    b bit(10), u uuid, i4 inet4, i6 inet6, e enum('a','b,c','é'), s set('x','y'), bi binary(4), vb varbinary(10),
    tx text, dt datetime(6), ts timestamp(3) NULL, ti time(2), y year, da date, g point, nothing text,
    twice int AS (i * 2) STORED, PRIMARY KEY (id, path));
  INSERT INTO kinds (id, path, t, i, n, f, d, b, u, i4, i6, e, s, bi, vb, tx, dt, ts, ti, y, da, g) VALUES (
    18446744073709551615, 'é/b.c', 1, -1, '12345678901234567890.1234567890', 0.1, 0.1, 5,
    '123e4567-e89b-12d3-a456-426614174000', '1.2.3.0', '2001:db8::1', 'b,c', 'x,y', 'ab', x'00ff', 'text 😀',
    '2026-01-02 03:04:05.123456', '2026-01-02 03:04:05.123', '-10:00:01.50', 2026, '2026-01-02', point(1, 2))`;

const KIND = {
  path: "/kinds/18446744073709551615,%C3%A9%2Fb.c",
  id: "18446744073709551615",
  path_: "é/b.c",
  t: 1,
  i: -1,
  n: "12345678901234567890.1234567890",
  f: 0.1,
  d: 0.1,
  b: "5",
  u: "123e4567-e89b-12d3-a456-426614174000",
  i4: "1.2.3.0",
  i6: "2001:db8::1",
  e: "b,c",
  s: "x,y",
  bi: "0x61620000",
  vb: "0x00ff",
  tx: "text 😀",
  dt: "2026-01-02 03:04:05.123456",
  ts: "2026-01-02 03:04:05.123",
  ti: "-10:00:01.50",
  y: 2026,
  da: "2026-01-02",
  g: { x: 1, y: 2 },
  nothing: null,
};

export function changes(server: () => MariadbServer): void {
  const database = (sql: string): Promise<Database> => databaseOf(server(), sql);

  test("values have the form of their type, alike in the snapshot and in the stream", async () => {
    const kinds = await database(`SET time_zone = '+00:00'; ${KINDS}`);
    const mirror = await (await Mirror.of(kinds)).start();
    await oneSnapshot(mirror);
    expect(mirror.rows.get(KIND.path)).toEqual(KIND);
    await kinds.sql("UPDATE kinds SET i = -2, f = 16777216");
    await waitFor(() => mirror.operations.length === 1, { timeoutMs: 15_000, what: "the update" });
    expect(mirror.rows.get(KIND.path)).toEqual({ ...KIND, i: -2, f: 16_777_216 });
    expect(Object.keys(mirror.rows.get(KIND.path) ?? {})).toEqual(Object.keys(KIND));
  });

  test("a key that changes is a delete and an insert, and a rolled back transaction is nothing", async () => {
    const things = await database(`${THINGS} CREATE TABLE unique_ones (id int NOT NULL UNIQUE, v text);
      INSERT INTO unique_ones VALUES (1, 'a');`);
    const mirror = await (await Mirror.of(things)).start();
    await oneSnapshot(mirror);
    await things.sql("BEGIN; DELETE FROM things; ROLLBACK; UPDATE things SET id = 9 WHERE id = 1; DELETE FROM things");
    await things.sql("UPDATE unique_ones SET id = 9; REPLACE INTO unique_ones VALUES (9, 'b')");
    const wanted = [
      ...["delete /things/1", "insert /things/9", "delete /things/2", "delete /things/3", "delete /things/9"],
      ...["delete /unique_ones/1", "insert /unique_ones/9", "update /unique_ones/9"],
    ];
    await waitFor(() => mirror.operations.length >= wanted.length, {
      timeoutMs: 15_000,
      what: () => mirror.operations.join(),
    });
    expect(mirror.operations).toEqual(wanted);
  });

  test("pages of a snapshot follow keys of every kind, in their order", async () => {
    const keyed = await database(`
      CREATE TABLE pairs (a varchar(10), b int, PRIMARY KEY (a, b));
      INSERT INTO pairs SELECT concat('ä', seq % 3), seq FROM seq_1_to_700;
      CREATE TABLE choices (e enum('z','y','x'), d decimal(30,10), PRIMARY KEY (e, d));
      INSERT INTO choices SELECT 1 + seq % 3, seq / 7 + 12345678901234567890 FROM seq_1_to_700;
      CREATE TABLE bytes (k varbinary(20) PRIMARY KEY, f float);
      INSERT INTO bytes SELECT unhex(md5(seq)), seq FROM seq_1_to_700;
      CREATE TABLE floats (f float PRIMARY KEY); INSERT INTO floats SELECT seq / 10 FROM seq_1_to_700;
      CREATE TABLE times (t datetime(6) PRIMARY KEY);
      INSERT INTO times SELECT '2026-01-01' + INTERVAL seq MICROSECOND FROM seq_1_to_700;`);
    const mirror = await (await Mirror.of(keyed)).start();
    await oneSnapshot(mirror);
    const counts = new Map<string, number>();
    for (const path of mirror.rows.keys()) {
      const table = path.split("/")[1] ?? "";
      counts.set(table, (counts.get(table) ?? 0) + 1);
    }
    expect(Object.fromEntries(counts)).toEqual({ pairs: 700, choices: 700, bytes: 700, floats: 700, times: 700 });
  });

  test("TRUNCATE, DROP and RENAME empty what receivers hold, and what is written afterwards is there", async () => {
    const things = await database(
      `${THINGS} CREATE TABLE gone (id int PRIMARY KEY, v text); INSERT INTO gone VALUES (1, 'a');`,
    );
    const mirror = await (await Mirror.of(things)).start();
    await mirror.shows(column(things, "v"), "v", "/things/");
    await things.sql("TRUNCATE things; INSERT INTO things VALUES (2, 'new'); DROP TABLE gone");
    await waitFor(() => mirror.operations.length >= 3, { timeoutMs: 15_000, what: () => mirror.operations.join() });
    expect(mirror.operations).toEqual(["delete /things", "insert /things/2", "delete /gone"]);
    await things.sql("RENAME TABLE things TO others; INSERT INTO others VALUES (3, 'newer')");
    await mirror.shows(column(things, "v", "others"), "v");
    expect(mirror.snapshots).toBe(2);
  });

  test("a new column is in every row, rows of before decode by what the table was, and deletes in between count", async () => {
    const things = await database(THINGS);
    const mirror = await (await Mirror.of(things)).start();
    await mirror.shows(column(things, "v"), "v");
    await things.sql(`UPDATE things SET v = 'before'; DELETE FROM things WHERE id = 3;
      ALTER TABLE things ADD extra int DEFAULT 5 FIRST; UPDATE things SET v = 'after' WHERE id = 1;
      ALTER TABLE things ADD INDEX (v); INSERT INTO things VALUES (6, 7, 'last')`);
    await mirror.shows(column(things, "extra"), "extra");
    await mirror.shows(column(things, "v"), "v");
    expect(mirror.snapshots).toBe(2);
    expect(mirror.operations.filter((each) => each === "update /things/2")).toHaveLength(1);
  });

  test("a table that is made while it runs is there without a snapshot, and one without a key is left out", async () => {
    const things = await database(THINGS);
    const mirror = await (await Mirror.of(things)).start();
    await oneSnapshot(mirror);
    await things.sql("CREATE TABLE more (id int PRIMARY KEY, v text); INSERT INTO more VALUES (1, 'a')");
    await things.sql("CREATE TABLE copies (id int PRIMARY KEY) AS SELECT id, v FROM things");
    await things.sql("CREATE TABLE keyless (v text); INSERT INTO keyless VALUES ('a')");
    await waitFor(() => mirror.operations.length >= 4, { timeoutMs: 15_000, what: () => mirror.operations.join() });
    expect(mirror.operations).toEqual(["insert /more/1", ...[1, 2, 3].map((id) => `insert /copies/${id}`)]);
    expect(mirror.snapshots).toBe(1);
    await waitFor(() => mirror.source.status().notes?.join().includes("keyless is left out"), {
      timeoutMs: 15_000,
      what: "a note about the table without a key",
    });
  });

  test("transactions of XA count when they are committed, also after another start, and not when they are not", async () => {
    const things = await database(THINGS);
    const first = await (await Mirror.of(things)).start();
    await oneSnapshot(first);
    const prepare = (xid: string, sql: string): string =>
      `XA START '${xid}'; ${sql}; XA END '${xid}'; XA PREPARE '${xid}';`;
    await things.sql(`${prepare("no", "DELETE FROM things")} XA ROLLBACK 'no'`);
    await things.sql(prepare("yes", "UPDATE things SET v = 'xa' WHERE id = 1"));
    // The server lets nobody else do anything on a connection that has a prepared transaction.
    await things.comeBack();
    await things.sql("UPDATE things SET v = 'other' WHERE id = 2");
    await waitFor(() => first.operations.length >= 1, { timeoutMs: 15_000, what: "the other change" });
    expect(first.operations).toEqual(["update /things/2"]);
    await first.close();
    const second = await (await Mirror.of(things, { position: first.position })).start();
    for (const [path, row] of first.rows) second.rows.set(path, row);
    await things.sql("XA COMMIT 'yes'");
    await second.shows(column(things, "v"), "v");
    expect(second.operations).toEqual(["update /things/2", "update /things/1"]);
    expect(second.snapshots).toBe(0);
  });

  test("another run goes on after the position, deletes and tables of before included", async () => {
    const things = await database(`${THINGS} CREATE TABLE more (id int PRIMARY KEY, v text);`);
    const first = await (await Mirror.of(things)).start();
    await first.shows(column(things, "v"), "v");
    await things.sql("UPDATE things SET v = 'known' WHERE id = 1");
    await first.shows(column(things, "v"), "v");
    await first.close();
    await things.sql(
      "DELETE FROM things WHERE id = 2; ALTER TABLE things ADD extra int DEFAULT 5; RENAME TABLE more TO others",
    );
    const second = await (await Mirror.of(things, { position: first.position })).start();
    for (const [path, row] of first.rows) second.rows.set(path, row);
    await second.shows(column(things, "extra"), "extra");
    await waitFor(() => second.operations.length >= 2, { timeoutMs: 15_000, what: "the old name to go" });
    expect(second.operations).toEqual(["delete /things/2", "delete /more"]);
  });

  test("a run that ends right after a table was altered leaves the snapshot to the next one", async () => {
    const things = await database(THINGS);
    let kept: string | undefined;
    const store = {
      recall: () => kept,
      remember: (text: string) => {
        kept = text;
      },
    };
    const first = await (await Mirror.of(things, { store })).start();
    await first.shows(column(things, "v"), "v");
    await things.sql("UPDATE things SET v = 'known' WHERE id = 1");
    await first.shows(column(things, "v"), "v");
    first.goesOn = false;
    await things.sql("ALTER TABLE things ADD extra int DEFAULT 5");
    await waitFor(() => first.failures.length > 0, { timeoutMs: 15_000, what: "the end of the stream" });
    await first.close();
    const second = await (await Mirror.of(things, { store, position: first.position })).start();
    for (const [path, row] of first.rows) second.rows.set(path, row);
    await second.shows(column(things, "extra"), "extra");
  });
}
