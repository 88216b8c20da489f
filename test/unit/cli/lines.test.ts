import { expect, test } from "vitest";
import { asLines } from "../../../src/cli/commands/scan.ts";
import { eventLine, indexes } from "../../../src/cli/commands/watch.ts";
import type { Change } from "../../../src/sdk/index.ts";

test("rows separated by commas become lines, whatever stands in and behind them", () => {
  const rows = ['{"path":"/"}', '{"path":"/a,b\\n"}', '{"path":"/ü"}'];
  const text = Buffer.from(`${rows.join(",")},garbage`);
  const rowOffsets = new Uint32Array(rows.length + 1);
  rows.forEach((row, at) => {
    rowOffsets[at + 1] = (rowOffsets[at] ?? 0) + Buffer.byteLength(row) + 1;
  });
  expect(Buffer.from(asLines({ rowCount: 3, buffer: text, rowOffsets })).toString()).toBe(`${rows.join("\n")}\n`);
});

test("a change becomes one event of the wire with one row", () => {
  const row = {
    path: "/d/a.txt",
    file_name: "a.txt",
    size: 12,
    modified_time: 1.5,
    created_time: 1.5,
    is_directory: false,
  };
  const change: Change = { op: "update", key: "/d/a.txt", row, sequence: 7, isContainer: false };
  expect(JSON.parse(eventLine(change, 99))).toEqual({
    event_type: "update",
    event_schema: "fs",
    table: "files",
    fields: ["path", "file_name", "size", "modified_time", "created_time", "is_directory"],
    rows: [row],
    index: 99,
    message_source: "realtime",
  });
});

test("indexes grow by at least one even when the clock stands still or goes back", () => {
  const times = [1000.9, 1000.9, 900, 5000];
  const next = indexes(() => times.shift() ?? 0);
  expect([next(), next(), next(), next()]).toEqual([1000, 1001, 1002, 5000]);
});
