import fc from "fast-check";
import { expect, test } from "vitest";
import { encodeRows, type Row, type RowChunk, RowFlag } from "../../../src/sdk/index.ts";

const rowAt = ({ buffer, rowOffsets }: RowChunk, row: number): Row => {
  const bytes = buffer.subarray(rowOffsets[row], (rowOffsets[row + 1] as number) - 1);
  return JSON.parse(new TextDecoder().decode(bytes)) as Row;
};

test("every row lies where its offsets say, and the whole is one JSON list", () => {
  const row = fc.dictionary(fc.string({ unit: "binary" }), fc.jsonValue(), { noNullPrototype: true });
  fc.assert(
    fc.property(fc.array(row, { minLength: 1, maxLength: 8 }), (rows) => {
      const chunk = encodeRows(rows, { sequence: 7 });
      const expected = JSON.parse(JSON.stringify(rows)) as Row[];
      expect(rows.map((_, at) => rowAt(chunk, at))).toEqual(expected);
      const end = (chunk.rowOffsets[chunk.rowCount] as number) - 1;
      expect(JSON.parse(`[${new TextDecoder().decode(chunk.buffer.subarray(0, end))}]`)).toEqual(expected);
    }),
  );
});

test("the rows are one group, read at the sequence given, of the table given", () => {
  const chunk = encodeRows([{ id: 1 }, { id: 2 }], { sequence: 7, table: "users" });
  expect([...chunk.groupFirstRow]).toEqual([0]);
  expect([...chunk.groupSequence]).toEqual([7]);
  expect(chunk).toMatchObject({ rowCount: 2, table: "users" });
  expect(encodeRows([{ id: 1 }], { sequence: 1 })).not.toHaveProperty("table");
});

test("neighbouring rows of one directory are a group, which knows the directory", () => {
  const paths = ["/", "/a", "/b/c", "/b/d", "/b", "plain"];
  const chunk = encodeRows([...paths.map((path) => ({ path })), { id: 1 }], { sequence: 7 });
  expect([...chunk.groupFirstRow]).toEqual([0, 2, 4, 5, 6]);
  expect([...chunk.groupSequence]).toEqual([7, 7, 7, 7, 7]);
  expect([0, 1, 2, 3, 4, 5].map((group) => chunk.groupContainer(group))).toEqual([
    "/",
    "/b",
    "/",
    "",
    undefined,
    undefined,
  ]);
});

test("the source says which rows are strong; a row of what was not read to its end says so itself", () => {
  const rows = [{ path: "/a" }, { path: "/b" }, { path: "/c", audit_skipped: true }];
  const { strong, skipped } = RowFlag;
  expect([...encodeRows(rows, { sequence: 1 }).rowFlags]).toEqual([0, 0, skipped]);
  const isStrong = ({ path }: Row): boolean => path !== "/a";
  expect([...encodeRows(rows, { sequence: 1, isStrong }).rowFlags]).toEqual([0, strong, skipped]);
});

test("the source hears once that a chunk came back", () => {
  const released: Uint8Array[] = [];
  const chunk = encodeRows([{ id: 1 }], { sequence: 1, onRelease: (buffer) => released.push(buffer) });
  chunk.release();
  chunk.release();
  expect(released).toEqual([chunk.buffer]);
});

test("no rows are no chunk", () => {
  expect(() => encodeRows([], { sequence: 1 })).toThrow(RangeError);
});
