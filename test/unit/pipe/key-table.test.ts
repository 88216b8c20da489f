import { describe, expect, it } from "vitest";
import { directoryOf, KeyTable } from "../../../src/pipe/key-table.ts";

describe("the directory of a key", () => {
  it.each([
    ["/a/b", "/a"],
    ["/a", "/"],
    ["/", "/"],
    ["42", ""],
  ])("%s lies in %j", (key, directory) => {
    expect(directoryOf(key)).toBe(directory);
  });
});

describe("a table of keys", () => {
  it("knows the newest number of each key, and how many keys there are", () => {
    const table = new KeyTable();
    table.set("/a/b", 1);
    table.set("/a/c", 2);
    table.set("/a/b", 3);
    expect([table.size, table.get("/a/b"), table.get("/a/c"), table.get("/a/d"), table.get("/x/y")]).toEqual([
      2,
      3,
      2,
      undefined,
      undefined,
    ]);
  });

  it("knows a directory as long as it has a key in it", () => {
    const table = new KeyTable();
    for (const key of ["/a/b", "/a/c", "/d/e"]) table.set(key, 1);
    expect([...table.directories()]).toEqual(["/a", "/d"]);
    table.delete("/a/b");
    expect([table.size, table.hasDirectory("/a"), table.get("/a/b")]).toEqual([2, true, undefined]);
    table.delete("/a/c");
    expect([table.size, table.hasDirectory("/a"), [...table.directories()]]).toEqual([1, false, ["/d"]]);
  });

  it("does not count a delete of what it does not know", () => {
    const table = new KeyTable();
    table.set("/a/b", 1);
    table.delete("/a/x");
    table.delete("/x/y");
    expect([table.size, table.hasDirectory("/a")]).toEqual([1, true]);
  });

  it("is empty after it was cleared", () => {
    const table = new KeyTable();
    table.set("/a/b", 1);
    table.clear();
    expect([table.size, table.get("/a/b"), table.hasDirectory("/a")]).toEqual([0, undefined, false]);
  });
});
