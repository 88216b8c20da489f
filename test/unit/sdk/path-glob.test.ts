import fc from "fast-check";
import { expect, test } from "vitest";
import { pathGlob } from "../../../src/sdk/glob.ts";

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
  expect(pathGlob(glob).matches(path)).toBe(isMatch);
  // A second time: nothing is left of the first.
  expect(pathGlob(glob).matches(path)).toBe(isMatch);
});

test("no glob takes long, whatever the path is", () => {
  const glob = pathGlob(`${"*a**".repeat(50)}b`);
  const begin = performance.now();
  expect(glob.matches(`/${"a".repeat(4000)}`)).toBe(false);
  // One step for each character and place in the glob: 0.1 s at most, on a slow machine as well.
  expect(performance.now() - begin).toBeLessThan(5000);
});

test("stars in a row cost no more than one each", () => {
  const glob = pathGlob(`${"*".repeat(255)}b`);
  const path = `/${"a".repeat(2000)}`;
  const before = process.cpuUsage().user;
  for (let times = 0; times < 20; times++) expect(glob.matches(path)).toBe(false);
  // 10 million steps; stars that each walked over those behind them took more than a billion.
  expect(process.cpuUsage().user - before).toBeLessThan(3_000_000);
});

/** Part by part, as a regular expression. */
const expressionOf = (glob: string): RegExp => {
  const text = glob.startsWith("/") ? glob : `/**/${glob}`;
  const parts = text.replace(/(?<=\/)\*\*\/|\*\*|\*|\?|[^*?]/g, (part) => {
    if (part === "**/") return "(?:.+/)?";
    return { "**": ".*", "*": "[^/]*", "?": "[^/]" }[part] ?? part.replace(".", "\\.");
  });
  return new RegExp(`^${parts}$`, "s");
};

test("a glob of paths means what the same regular expression means", () => {
  const part = fc.constantFrom("a", "b", "*", "**", "?", "/", "/", "/**/", ".");
  const glob = fc.array(part, { maxLength: 40 }).map((parts) => parts.join("").replace(/\/+/g, "/"));
  const name = fc.array(fc.constantFrom("a", "b", "."), { minLength: 1, maxLength: 3 }).map((all) => all.join(""));
  const path = fc.array(name, { maxLength: 12 }).map((names) => `/${names.join("/")}`);
  fc.assert(
    fc.property(glob, path, (written, whole) => {
      expect(pathGlob(written).matches(whole)).toBe(expressionOf(written).test(whole));
    }),
    { numRuns: 1000 },
  );
});

test("a glob that fits in more than one word of bits still leaves directories out", () => {
  for (let length = 1; length <= 70; length++) {
    const name = "n".repeat(length);
    expect(pathGlob(`/${name}/**/z`).matches(`/${name}/z`)).toBe(true);
    expect(pathGlob(`/${name}/**/z`).matches(`/${name}/x/y/z`)).toBe(true);
    expect(pathGlob(`/${name}/**/z`).matches(`/${name}z`)).toBe(false);
  }
});
