/** Events of a log as changes, without a server. */
import type { AnyBinlogEvent } from "@vlasky/zongji";
import { expect, test } from "vitest";
import type { Catalog, Table } from "../src/catalog.ts";
import { Clock } from "../src/clock.ts";
import { Progress } from "../src/gtid.ts";
import { LogReader } from "../src/log-reader.ts";
import { columnOf } from "../src/rows.ts";

const id = columnOf("id", "int");
const things: Table = {
  ...{ name: "things", path: "/things", columns: [id], key: [id], index: "PRIMARY", generated: new Set<string>() },
};
const catalog: Catalog = { tables: new Map([["things", things]]), notes: [] };

const event = (type: string, members: object = {}): AnyBinlogEvent =>
  ({ getTypeName: () => type, timestamp: 1, nextPosition: 100, size: 10, ...members }) as unknown as AnyBinlogEvent;
const rotate = (binlogName: string): AnyBinlogEvent => event("Rotate", { binlogName });
const begin = (gtid: string, standalone: boolean): AnyBinlogEvent => event("MariadbGtid", { gtid, standalone });
const map = (tableId: number, tableName: string): AnyBinlogEvent =>
  event("TableMap", {
    ...{ tableId, tableName, primaryKey: [0], hasSelfDescribingMetadata: () => true },
    buildColumnSchemas: () => [{ COLUMN_NAME: "id", COLUMN_TYPE: "int" }],
  });
const write = (tableId: number, row: number): AnyBinlogEvent => event("WriteRows", { tableId, rows: [{ id: row }] });

function readerOf(): LogReader {
  const progress = new Progress("mariadb", "0-1-1");
  return new LogReader({ database: "db", catalog, every: true, progress, clock: new Clock() });
}

test("a number of a table is that of another one when the server has started again", () => {
  const reader = readerOf();
  const log = [
    ...[rotate("log.1"), begin("0-1-2", false), map(20, "keyless"), write(20, 1), event("Xid")],
    ...[rotate("log.2"), begin("0-1-3", false), map(20, "things"), write(20, 2), event("Xid")],
  ];
  for (const each of log) reader.take(each);
  expect(reader.takeChanges().map(({ key, position }) => [key, position])).toEqual([["/things/2", "mariadb:0-1-3"]]);
});

test("no change has a position behind what a snapshot has to make up for", () => {
  const reader = readerOf();
  const log = [
    ...[rotate("log.1"), begin("0-1-2", false), map(20, "things"), write(20, 1), event("Xid")],
    ...[begin("0-1-3", true), event("Query", { query: "RENAME TABLE things TO others", schema: "db" })],
  ];
  for (const each of log) reader.take(each);
  expect(reader.wanted).toContain("was altered");
  const positions = reader.takeChanges().map(({ op, key, position }) => [op, key, position]);
  expect(positions).toEqual([
    ["insert", "/things/1", "mariadb:0-1-2"],
    ["delete", "/things", "mariadb:0-1-2"],
  ]);
  // This run goes on behind it, with a snapshot.
  expect(reader.position).toBe("mariadb:0-1-3");
});
