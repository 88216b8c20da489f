/** What the stream says of rows, tables and the server, on a real server. */
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { waitFor } from "../../../test/support/wait-for.ts";
import { Mirror } from "./mirror.ts";
import { type Database, PostgresServer, SECRET } from "./postgres-server.ts";

let server: PostgresServer;
beforeAll(async () => {
  server = await PostgresServer.start();
});
afterAll(() => server?.end());

async function database(sql: string): Promise<Database> {
  const made = await server.database(sql);
  onTestFinished(() => made.close());
  return made;
}

const THINGS = `
  CREATE TABLE things (id int PRIMARY KEY, v text);
  INSERT INTO things SELECT i, 'v' || i FROM generate_series(1, 3) i;
  CREATE PUBLICATION fustor FOR TABLE things;`;

const column =
  (from: Database, name: string, table = "things") =>
  async (): Promise<Record<string, unknown>> => {
    const rows = await from.sql<{ id: string; value: unknown }>(`SELECT id, ${name} AS value FROM ${table}`);
    return Object.fromEntries(rows.map(({ id, value }) => [`/public.${table}/${id}`, value]));
  };

function slotPasses(of: Database, lsn: string): Promise<unknown> {
  const isPast = `SELECT confirmed_flush_lsn >= $1::pg_lsn AS past FROM pg_replication_slots WHERE slot_name = '${of.name}'`;
  return waitFor(async () => (await of.sql<{ past: boolean }>(isPast, [lsn]))[0]?.past, {
    timeoutMs: 20_000,
    what: "the slot passes what others wrote",
  });
}

test("values have the form of their type, alike in the snapshot and in the stream", async () => {
  const all = await database(`
    CREATE DOMAIN small AS int CHECK (value > 0);
    CREATE TABLE types (
      id bigint, path text, b bool, i int, big bigint, n numeric, f float8, j jsonb, at timestamptz, day date,
      bytes bytea, list int[], u uuid, domain small, nothing text, PRIMARY KEY (id, path));
    CREATE PUBLICATION fustor FOR TABLE types;
    INSERT INTO types VALUES (9007199254740993, 'a/b.c', true, -1, 9007199254740993, 1.10, 'NaN', '{"a": [1]}',
      '2026-01-02 03:04:05.123456+02', '2026-01-02', '\\x00ff', '{1,2}', '00000000-0000-0000-0000-000000000001', 7, NULL);`);
  const mirror = await (await Mirror.of(all)).start();
  await waitFor(() => mirror.snapshots === 1, { timeoutMs: 15_000, what: "the snapshot" });
  const path = "/public.types/9007199254740993,a%2Fb.c";
  const row = {
    path,
    id: "9007199254740993",
    path_: "a/b.c",
    b: true,
    i: -1,
    big: "9007199254740993",
    n: "1.10",
    f: "NaN",
    j: { a: [1] },
    at: "2026-01-02 01:04:05.123456+00",
    day: "2026-01-02",
    bytes: "\\x00ff",
    list: "{1,2}",
    u: "00000000-0000-0000-0000-000000000001",
    domain: 7,
    nothing: null,
  };
  expect(mirror.rows.get(path)).toEqual(row);
  await all.sql("UPDATE types SET i = -2");
  await waitFor(() => mirror.operations.length === 1, { timeoutMs: 15_000, what: "the update" });
  expect(mirror.rows.get(path)).toEqual({ ...row, i: -2 });
  expect(Object.keys(mirror.rows.get(path) ?? {})).toEqual(Object.keys(row));
});

test("a large value that an update leaves alone is in the row nevertheless, with and without REPLICA IDENTITY FULL", async () => {
  const large = "(SELECT string_agg(md5(i::text), '') FROM generate_series(1, 500) i)";
  const things = await database(`
    CREATE TABLE things (id int PRIMARY KEY, v text, n int);
    CREATE TABLE fulls (id int PRIMARY KEY, v text, n int);
    ALTER TABLE fulls REPLICA IDENTITY FULL;
    ALTER TABLE things ALTER v SET STORAGE EXTERNAL;
    ALTER TABLE fulls ALTER v SET STORAGE EXTERNAL;
    INSERT INTO things VALUES (1, ${large}, 0), (2, ${large}, 0);
    INSERT INTO fulls VALUES (1, ${large}, 0);
    CREATE PUBLICATION fustor FOR TABLE things, fulls;`);
  const mirror = await (await Mirror.of(things)).start();
  await waitFor(() => mirror.snapshots === 1, { timeoutMs: 15_000, what: "the snapshot" });
  mirror.rows.clear();
  await things.sql(
    "UPDATE things SET n = 1; UPDATE fulls SET n = 1; UPDATE things SET n = 2 WHERE id = 2; DELETE FROM things WHERE id = 2",
  );
  const both = async (): Promise<Record<string, unknown>> => ({
    ...(await column(things, "v")()),
    ...(await column(things, "v", "fulls")()),
  });
  await mirror.shows(both, "v");
  expect(mirror.rows.size).toBe(2);
});

test("a key that changes is a delete and an insert, with the default identity, an index and FULL", async () => {
  const things = await database(`${THINGS}
    CREATE TABLE indexed (id int NOT NULL UNIQUE, v text);
    ALTER TABLE indexed REPLICA IDENTITY USING INDEX indexed_id_key;
    CREATE TABLE fulls (id int PRIMARY KEY, v text);
    ALTER TABLE fulls REPLICA IDENTITY FULL;
    ALTER PUBLICATION fustor ADD TABLE indexed, fulls;
    INSERT INTO indexed VALUES (1, 'a'); INSERT INTO fulls VALUES (1, 'a');`);
  const mirror = await (await Mirror.of(things)).start();
  await waitFor(() => mirror.snapshots === 1, { timeoutMs: 15_000, what: "the snapshot" });
  for (const table of ["things", "indexed", "fulls"]) await things.sql(`UPDATE ${table} SET id = 9 WHERE id = 1`);
  await things.sql("DELETE FROM fulls");
  await waitFor(() => mirror.operations.length === 7, { timeoutMs: 15_000, what: () => mirror.operations.join() });
  expect(mirror.operations).toEqual([
    ...["things", "indexed", "fulls"].flatMap((table) => [`delete /public.${table}/1`, `insert /public.${table}/9`]),
    "delete /public.fulls/9",
  ]);
});

test("TRUNCATE empties the table, and what is written afterwards is there", async () => {
  const things = await database(THINGS);
  const mirror = await (await Mirror.of(things)).start();
  await mirror.shows(column(things, "v"), "v");
  await things.sql("TRUNCATE things; INSERT INTO things VALUES (2, 'new')");
  await mirror.shows(column(things, "v"), "v");
  expect(mirror.operations).toEqual(["delete /public.things", "insert /public.things/2"]);
});

test("a new column with a default is in every row after the next change, and old looks that come again are no news", async () => {
  const things = await database(THINGS);
  const mirror = await (await Mirror.of(things)).start();
  await mirror.shows(column(things, "v"), "v");
  // They are not acknowledged, so they come again behind the change of the table.
  mirror.acknowledges = false;
  await things.sql("UPDATE things SET v = 'before'");
  await things.sql("ALTER TABLE things ADD extra int DEFAULT 5");
  await things.sql("UPDATE things SET v = 'after' WHERE id = 1");
  await mirror.shows(column(things, "extra"), "extra");
  await mirror.shows(column(things, "v"), "v");
  expect(mirror.snapshots).toBe(2);
  expect(mirror.operations.filter((each) => each === "update /public.things/2")).toHaveLength(1);
});

test("a table that joins the publication is there with all its rows", async () => {
  const things = await database(THINGS);
  const mirror = await (await Mirror.of(things)).start();
  await mirror.shows(column(things, "v"), "v");
  await things.sql(
    "DELETE FROM things; CREATE TABLE more (id int PRIMARY KEY, v text); INSERT INTO more VALUES (1, 'old')",
  );
  await things.sql("ALTER PUBLICATION fustor ADD TABLE more");
  await things.sql("INSERT INTO more VALUES (2, 'new')");
  await mirror.shows(column(things, "v", "more"), "v");
});

test("what was not acknowledged comes again to another run, deletes included, and what was does not", async () => {
  const things = await database(THINGS);
  const first = await (await Mirror.of(things)).start();
  await first.shows(column(things, "v"), "v");
  await things.sql("UPDATE things SET v = 'known' WHERE id = 1");
  await first.shows(column(things, "v"), "v");
  first.acknowledges = false;
  await things.sql("DELETE FROM things WHERE id = 2");
  await first.shows(column(things, "v"), "v");
  await first.close();
  await things.sql("DELETE FROM things WHERE id = 3");
  const second = await (await Mirror.of(things)).start();
  for (const id of [1, 2, 3]) second.rows.set(`/public.things/${id}`, { v: "held" });
  await second.shows(column(things, "v"), "v");
  expect(second.operations.slice(-2)).toEqual(["delete /public.things/2", "delete /public.things/3"]);
});

test("a slot that is lost is made anew, and a snapshot follows", async () => {
  const things = await database(THINGS);
  const first = await (await Mirror.of(things)).start();
  await first.shows(column(things, "v"), "v");
  await things.sql(
    `SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = '${things.name}'`,
  );
  await waitFor(
    async () => {
      const drop = `SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = '${things.name}'`;
      return things.sql(drop).then(
        () => true,
        async () => {
          const end = `SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = '${things.name}'`;
          await things.sql(end);
          return false;
        },
      );
    },
    { timeoutMs: 15_000, intervalMs: 1, what: "the slot is dropped" },
  );
  await things.sql("INSERT INTO things VALUES (4, 'new'); UPDATE things SET v = 'changed' WHERE id = 1");
  await first.shows(column(things, "v"), "v");
  expect(first.snapshots).toBe(2);
});

test.each(["fast", "immediate"] as const)(
  "a server that was stopped (%s) costs no change and no snapshot",
  async (mode) => {
    const things = await database(THINGS);
    const mirror = await (await Mirror.of(things)).start();
    await mirror.shows(column(things, "v"), "v");
    await things.sql("CHECKPOINT; INSERT INTO things VALUES (4, 'new')");
    await mirror.shows(column(things, "v"), "v");
    await things.leave();
    await server.stop(mode);
    await waitFor(() => mirror.source.status().availability.state === "unavailable", {
      timeoutMs: 15_000,
      what: "away",
    });
    await server.begin();
    await things.comeBack();
    await things.sql("INSERT INTO things VALUES (5, 'newer'); DELETE FROM things WHERE id = 1");
    await mirror.shows(column(things, "v"), "v");
    expect(mirror.snapshots).toBe(1);
  },
);

test("the slot of an idle table keeps nothing of what others write", async () => {
  const things = await database(`${THINGS} CREATE TABLE others (v text);`);
  const mirror = await (await Mirror.of(things)).start();
  await mirror.shows(column(things, "v"), "v");
  await things.sql("INSERT INTO others SELECT repeat('x', 1000) FROM generate_series(1, 5000)");
  const [{ lsn = "" } = {}] = await things.sql<{ lsn: string }>("SELECT pg_current_wal_lsn() AS lsn");
  await slotPasses(things, lsn);
});

test("the slot passes what is written to tables of the publication that are not wanted", async () => {
  const things = await database(`${THINGS} CREATE TABLE others (id int PRIMARY KEY);
    ALTER PUBLICATION fustor ADD TABLE others;`);
  const mirror = await (await Mirror.of(things, { params: { tables: "public.things" } })).start();
  await mirror.shows(column(things, "v"), "v");
  await things.sql("UPDATE things SET v = 'new' WHERE id = 1; INSERT INTO others SELECT generate_series(1, 5)");
  const [{ lsn = "" } = {}] = await things.sql<{ lsn: string }>("SELECT pg_current_wal_lsn() AS lsn");
  await slotPasses(things, lsn);
});

test("what keeps the source from working is said with its cure, and never with the password", async () => {
  const none = await database("CREATE TABLE keyless (v text); CREATE TABLE things (id int PRIMARY KEY)");
  const reason = async (options: Parameters<typeof Mirror.of>[1] = {}): Promise<string> => {
    const mirror = await Mirror.of(none, options);
    await mirror.source.open({ signal: AbortSignal.timeout(30_000) });
    const { availability } = mirror.source.status();
    await mirror.close();
    expect(`${JSON.stringify(availability)}${mirror.logged.join()}`).not.toMatch(new RegExp(`${SECRET}|wr0ng`));
    return availability.state === "unavailable" ? availability.reason : availability.state;
  };
  expect(await reason()).toContain('run: CREATE PUBLICATION "fustor" FOR ALL TABLES;');
  expect(await reason({ params: { tables: "public.things" } })).toContain("FOR TABLE public.things;");
  expect(await reason({ password: "wr0ng" })).toMatch(
    /password authentication failed.*; correct the user or the password/,
  );
  expect(await reason({ uri: none.uri.replace(/:\d+/, ":1") })).toMatch(/127\.0\.0\.1:1.*ECONNREFUSED/);
  expect(await reason({ uri: none.uri.replace(/\w+$/, "nowhere") })).toContain("correct the database in uri");
  await none.sql("CREATE PUBLICATION fustor FOR TABLE keyless");
  expect(await reason()).toContain('run: ALTER TABLE "public"."keyless" ADD PRIMARY KEY');
  expect(await reason({ params: { tables: "public.things" } })).toContain("ADD TABLE public.things;");
});
