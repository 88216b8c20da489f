/** The server goes and comes back, and forgets. */
import { expect, onTestFinished, test } from "vitest";
import { waitFor } from "../../../test/support/wait-for.ts";
import { column, databaseOf, THINGS } from "./changes.ts";
import type { Database, MariadbServer } from "./mariadb-server.ts";
import { Mirror } from "./mirror.ts";

export function outages(server: () => MariadbServer): void {
  const database = (sql: string): Promise<Database> => databaseOf(server(), sql);

  test.each(["SIGTERM", "SIGKILL"] as const)(
    "a server that ended by %s costs no change and no snapshot",
    async (signal) => {
      const things = await database(THINGS);
      const mirror = await (await Mirror.of(things)).start();
      await mirror.shows(column(things, "v"), "v");
      await things.sql("INSERT INTO things VALUES (4, 'new')");
      await mirror.shows(column(things, "v"), "v");
      await server().stop(signal);
      await waitFor(() => mirror.source.status().availability.state === "unavailable", {
        timeoutMs: 15_000,
        what: "away",
      });
      await server().begin();
      await things.comeBack();
      await things.sql("INSERT INTO things VALUES (5, 'newer'); DELETE FROM things WHERE id = 1");
      await mirror.shows(column(things, "v"), "v");
      expect(mirror.snapshots).toBe(1);
    },
  );

  test("a server that is killed within a snapshot costs neither rows nor those that were read", async () => {
    const many = await database(`CREATE TABLE things (id int PRIMARY KEY, v varchar(100));
      INSERT INTO things SELECT seq, concat('v', seq) FROM seq_1_to_20000;`);
    const mirror = await Mirror.of(many);
    let killed: Promise<void> | undefined;
    mirror.onChunk = async () => {
      if (mirror.rows.size < 3_000) return;
      killed ??= server()
        .stop("SIGKILL")
        .then(() => server().begin());
      await killed;
    };
    await mirror.start();
    await waitFor(() => mirror.snapshots === 1, { timeoutMs: 30_000, what: () => mirror.failures.join() });
    await many.comeBack();
    expect(mirror.rows.size).toBe(20_000);
    expect(mirror.logged.join()).toContain("reading the snapshot failed and is tried again");
    await many.sql("DELETE FROM things WHERE id > 5");
    await mirror.shows(column(many, "v"), "v");
  });

  test("a log that was purged is made up for by a snapshot, and said so", async () => {
    const things = await database(THINGS);
    const first = await (await Mirror.of(things)).start();
    await first.shows(column(things, "v"), "v");
    await things.sql("UPDATE things SET v = 'known' WHERE id = 1");
    await first.shows(column(things, "v"), "v");
    await first.close();
    await things.sql(
      "INSERT INTO things VALUES (4, 'unseen'); FLUSH BINARY LOGS; INSERT INTO things VALUES (5, 'unseen')",
    );
    await things.sql("FLUSH BINARY LOGS");
    const [{ Log_name: last = "" } = {}] = (await server().sql<{ Log_name: string }>("SHOW BINARY LOGS")).slice(-1);
    await waitFor(
      async () => {
        await server().sql(`PURGE BINARY LOGS TO '${last}'`);
        return (await server().sql("SHOW BINARY LOGS")).length === 1;
      },
      { timeoutMs: 15_000, what: "the logs to be purged" },
    );
    const second = await (await Mirror.of(things, { position: first.position })).start();
    await second.shows(column(things, "v"), "v");
    await things.sql("DELETE FROM things WHERE id = 1");
    await second.shows(column(things, "v"), "v");
    expect(second.snapshots).toBe(1);
    expect(second.logged.join()).toContain("does not go back to where the stream was: a snapshot follows");
  });

  test("what other tables write moves the stream on, and costs nothing when it is opened again", async () => {
    const things = await database(`${THINGS} CREATE TABLE others (id int PRIMARY KEY)`);
    const mirror = await (await Mirror.of(things, { params: { tables: "things" } })).start();
    await mirror.shows(column(things, "v"), "v");
    const told = mirror.position;
    await things.sql("INSERT INTO others SELECT seq FROM seq_1_to_100; TRUNCATE others");
    const [{ at = "" } = {}] = await server().sql<{ at: string }>("SELECT @@gtid_binlog_pos AS at");
    await waitFor(() => mirror.source.status().position === `mariadb:${at}`, {
      timeoutMs: 15_000,
      what: "the position",
    });
    expect(mirror.position).toBe(told);
    const [{ id = 0 } = {}] = await server().sql<{ id: number }>(
      "SELECT ID AS id FROM information_schema.PROCESSLIST WHERE COMMAND LIKE 'Binlog%'",
    );
    await server().sql(`KILL ${id}`);
    await things.sql("UPDATE things SET v = 'again'");
    await mirror.shows(column(things, "v"), "v");
    expect(mirror.operations).toHaveLength(3);
    expect(mirror.snapshots).toBe(1);
  });

  test("two readers with one number send each other away, and are told how to cure that", async () => {
    const things = await database(THINGS);
    const params = { server_id: 4_000_000_000 };
    const mirrors = await Promise.all([Mirror.of(things, { params }), Mirror.of(things, { params })]);
    for (const mirror of mirrors) await mirror.start();
    await waitFor(() => mirrors.some((mirror) => mirror.failures.length > 0), { timeoutMs: 15_000, what: "a failure" });
    for (const mirror of mirrors) await mirror.close();
    onTestFinished(() => undefined);
    expect(mirrors.flatMap((mirror) => mirror.failures).join()).toContain("server_id");
  });
}
