import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { afterEach, describe, expect, test } from "vitest";
import { readDisk, type Tree, type TreeEntry } from "../../support/disk-tree.ts";
import { createTempFolder, growTree, removeTempFolders } from "../../support/temp-tree.ts";
import { compareTrees, converge, countDifferences } from "../../support/tree-compare.ts";
import { flattenTree, type ViewClient } from "../../support/view-client.ts";

afterEach(removeTempFolders);

const file: TreeEntry = { kind: "file", size: 3, mtime: 1.5, ctime: 2.5 };
const tree = (entries: Readonly<Record<string, TreeEntry>>): Tree => new Map(Object.entries(entries));
const kindsOf = (disk: Tree, view: Tree): string[] => compareTrees(disk, view).map(({ kind }) => kind);

const viewOf = (readings: readonly Tree[]): ViewClient => {
  let at = 0;
  return {
    readTree: async () => ({ state: "open", tree: readings[Math.min(at++, readings.length - 1)] ?? new Map() }),
    itemCount: async () => 0,
    sessions: async () => [],
    waitUntilOpen: async () => undefined,
  };
};

describe("the comparison of a view with a disk", () => {
  test("names every kind of difference", () => {
    const disk = tree({ "/": file });
    expect(kindsOf(disk, disk)).toEqual([]);
    expect(kindsOf(disk, tree({}))).toEqual(["missing"]);
    expect(kindsOf(tree({}), disk)).toEqual(["ghost"]);
    expect(kindsOf(disk, tree({ "/": { ...file, kind: "directory" } }))).toEqual(["wrong kind"]);
    expect(kindsOf(disk, tree({ "/": { ...file, size: 4 } }))).toEqual(["wrong size"]);
    expect(kindsOf(disk, tree({ "/": { ...file, mtime: 1.50001 } }))).toEqual(["wrong mtime"]);
    expect(kindsOf(disk, tree({ "/": { ...file, ctime: Number.NaN } }))).toEqual(["wrong ctime"]);
  });

  test("forgives what a double cannot hold", () => {
    expect(kindsOf(tree({ "/": file }), tree({ "/": { ...file, mtime: 1.5000001 } }))).toEqual([]);
  });

  test("sees a change of one file in a real tree", () => {
    const root = createTempFolder("compare");
    growTree(root, { seed: 1, files: 50 });
    const before = readDisk(root);
    writeFileSync(`${root}/d1/fresh`, "x");
    const counts = countDifferences(compareTrees(readDisk(root), before));
    expect(counts).toEqual({ missing: 1, "wrong mtime": 1 });
  });

  test("an equality that does not last is none", async () => {
    const root = createTempFolder("compare");
    const disk = readDisk(root);
    const flickering = viewOf([disk, disk, new Map(), disk]);
    const convergence = await converge(flickering, root, { timeoutMs: 5000, holdMs: 300 });
    expect(convergence).toMatchObject({ equal: true });
    const never = await converge(viewOf([disk, new Map()]), root, { timeoutMs: 200, holdMs: 300 });
    expect(never).toMatchObject({ equal: false, last: { state: "different" } });
  });
});

describe("reading the disk", () => {
  test("never follows a link and takes names as bytes", () => {
    const root = createTempFolder("disk");
    mkdirSync(`${root}/directory`);
    writeFileSync(`${root}/directory/inside`, "12345");
    symlinkSync("directory", `${root}/link`);
    writeFileSync(Buffer.concat([Buffer.from(`${root}/bad`), Buffer.from([0xff])]), "");
    const disk = readDisk(root);
    expect([...disk.keys()].sort()).toEqual(["/", "/bad\u201bFF", "/directory", "/directory/inside", "/link"]);
    expect(disk.get("/link")).toMatchObject({ kind: "file", size: "directory".length });
    expect(disk.get("/directory/inside")?.size).toBe(5);
  });

  test("two trees from one seed have the same names, from two seeds they do not", () => {
    const names = (seed: number): string => {
      const root = createTempFolder("grown");
      growTree(root, { seed, files: 100 });
      return [...readDisk(root).keys()].sort().join();
    };
    expect(names(4)).toBe(names(4));
    expect(names(4)).not.toBe(names(5));
  });
});

test("a view that contradicts itself is refused", () => {
  const node = { content_type: "file", size: 0, modified_time: 0, created_time: 0 };
  const root = { ...node, name: "", path: "/", content_type: "directory" };
  const twice = { ...node, name: "a", path: "/a" };
  expect(() => flattenTree({ ...root, children: [twice, twice] })).toThrow("twice");
  expect(() => flattenTree({ ...root, children: [{ ...twice, path: "/b/a" }] })).toThrow("/b/a below /");
});
