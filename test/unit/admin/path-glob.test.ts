import { expect, test } from "vitest";
import { PathGlob } from "../../../src/admin/path-glob.ts";

test.each([
  ["*.csv", "/a/b/x.csv", true],
  ["*.csv", "/x.csv", true],
  ["*.csv", "/x.csv/y", false],
  ["/*.csv", "/a/x.csv", false],
  ["/a/**", "/a/b/c", true],
  ["/a/**", "/a", false],
  ["/a/**/c", "/a/c", true],
  ["/a/**/c", "/a/b/b/c", true],
  ["/a/**/c", "/a/bc", false],
  ["/a/**/c", "/ac", false],
  ["b/c", "/a/b/c", true],
  ["b/c", "/a/xb/c", false],
  ["/a?c", "/abc", true],
  ["/a?c", "/a/c", false],
  ["/a*c*", "/abcd", true],
  ["/**", "/", true],
  ["a**z", "/x/a/b/z", true],
  ["[x]", "/[x]", true],
  ["*", "/any", true],
  ["", "/", true],
])("the glob %s and the path %s: %s", (glob, path, isMatch) => {
  expect(new PathGlob(glob).matches(path)).toBe(isMatch);
  // A second time: nothing is left of the first.
  expect(new PathGlob(glob).matches(path)).toBe(isMatch);
});

test("no glob takes long, whatever the path is", () => {
  const glob = new PathGlob(`${"*a**".repeat(50)}b`);
  const begin = performance.now();
  expect(glob.matches(`/${"a".repeat(4000)}`)).toBe(false);
  // One step for each character and place in the glob: 0.1 s at most, on a slow machine as well.
  expect(performance.now() - begin).toBeLessThan(5000);
});

test("stars in a row cost no more than one each", () => {
  const glob = new PathGlob(`${"*".repeat(255)}b`);
  const path = `/${"a".repeat(2000)}`;
  const before = process.cpuUsage().user;
  for (let times = 0; times < 20; times++) expect(glob.matches(path)).toBe(false);
  // 10 million steps; stars that each walked over those behind them took more than a billion.
  expect(process.cpuUsage().user - before).toBeLessThan(3_000_000);
});
