/** Paths of rows, without a server. */
import { expect, test } from "vitest";
import { rowPath, type Table } from "../src/tables.ts";

const THINGS: Table = {
  oid: 1,
  schema: "public",
  name: "things",
  label: "public.things",
  path: "/public.things",
  columns: [],
  key: ["id"],
  filter: undefined,
};

test("no key makes the path of a row that of its table or of what lies above", () => {
  const pathOf = (id: string): string => rowPath(THINGS, () => id);
  expect(["", ".", "..", "...", "a/.."].map(pathOf)).toEqual([
    "/public.things/%00",
    "/public.things/%2E",
    "/public.things/%2E%2E",
    "/public.things/...",
    "/public.things/a%2F..",
  ]);
});
