import { expect, it } from "vitest";
import { DirtyDirectories } from "../../../src/bus/dirty-directories.ts";
import { deleted, written } from "../../support/changes.ts";

it("a change marks the directory that has to be read again, and a directory comes before those in it", () => {
  const dirty = new DirtyDirectories(9);
  for (const change of [
    ...[written("/b/f"), { ...written("/d/new"), isContainer: true }],
    ...[deleted("/e/gone"), deleted("/g/old", 1, true), written("/b/other")],
  ])
    expect(dirty.mark(change)).toBe(true);
  expect(dirty.size).toBe(4);
  expect(dirty.takeAll()).toEqual(["/b", "/d/new", "/e", "/g"]);
  expect(dirty.takeAll()).toEqual([]);
});

it("too many directories, or a change that lies in none, leave nothing", () => {
  const full = new DirtyDirectories(2);
  expect(["/a", "/b", "/a", "/c"].map((directory) => full.add(directory))).toEqual([true, true, true, false]);
  expect(full.size).toBe(0);
  const placeless = new DirtyDirectories(2);
  placeless.add("/a");
  expect(placeless.mark(written("no path"))).toBe(false);
  expect(placeless.takeAll()).toEqual([]);
});
