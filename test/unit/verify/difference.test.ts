import { expect, test } from "vitest";
import type { TreeEntry } from "../../../src/sdk/index.ts";
import { byPath, differencesOf } from "../../../src/verify/difference.ts";

const file = (path: string, size: number, modified: number): TreeEntry => ({ path, directory: false, size, modified });
const folder = (path: string, modified: number): TreeEntry => ({ path, directory: true, size: 4096, modified });

test("equal trees have no difference", () => {
  const tree = [folder("/", 1), file("/a", 5, 1.5)];
  expect([...differencesOf(tree, [...tree])]).toEqual([]);
});

test.each<[string, string, TreeEntry]>([
  ["size", "size", file("/a", 6, 1.5)],
  ["time", "mtime", file("/a", 5, 1.5000001)],
  ["time of today, by 500 ns,", "mtime", file("/a", 5, 1.5)],
  ["kind", "kind", { ...file("/a", 5, 1.5), directory: true }],
])("another %s is a difference", (what, kind, other) => {
  const today = what.includes("today");
  const disk = today ? file("/a", 5, 1_790_000_000.5) : file("/a", 5, 1.5);
  const view = today ? file("/a", 5, 1_790_000_000.5000005) : other;
  expect([...differencesOf([disk], [view])]).toEqual([{ kind, path: "/a", disk, view }]);
});

test("neighbouring doubles are the same time, and members that do not count are not looked at", () => {
  const next = 1_790_000_000.1 + 2.4e-7;
  expect(next).not.toBe(1_790_000_000.1);
  expect([...differencesOf([file("/a", 5, 1_790_000_000.1)], [file("/a", 5, next)])]).toEqual([]);
  const members = { size: false, modified: false };
  expect([...differencesOf([file("/a", 5, 1)], [file("/a", 6, 2)], members)]).toEqual([]);
});

test("what stands on one side only is named with its side", () => {
  const [disk, view] = [file("/disk", 1, 1), file("/view", 1, 1)];
  expect([...differencesOf([disk], [view])]).toEqual([
    { kind: "missing", path: "/disk", disk },
    { kind: "ghost", path: "/view", view },
  ]);
});

test("the order of paths is one order, whatever characters they hold", () => {
  const paths = ["/a", "/a/b", "/a b", "/ü", "/\u{1f600}", "/\uffff", "/\n", "/a\u0000"];
  const sorted = paths.map((path) => file(path, 1, 1)).sort(byPath);
  expect([...differencesOf(sorted, sorted.toReversed().sort(byPath))]).toEqual([]);
});
