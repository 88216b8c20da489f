import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { nameGlob } from "../../../src/sdk/glob.ts";

const matches = (pattern: string, text: string): boolean => nameGlob(pattern).matches(text);

describe("a glob of names", () => {
  it.each([
    ["*", "anything", true],
    ["*", "", true],
    ["*.txt", "a.txt", true],
    ["*.txt", "a.txt2", false],
    ["a?c", "abc", true],
    ["a?c", "ac", false],
    ["*a*b*", "xxaxxbxx", true],
    ["*a*b", "ab-a-x", false],
    ["", "", true],
    ["", "a", false],
    ["**", "", true],
    ["a.c", "abc", false],
    ["ü*", "über", true],
    [`${"?".repeat(63)}x`, `${"y".repeat(63)}x`, true],
    [`${"?".repeat(64)}x*`, `${"y".repeat(64)}xz`, true],
    [`*${"a".repeat(64)}`, "a".repeat(63), false],
  ])("%j on %j is %j", (pattern, text, expected) => {
    expect(matches(pattern, text)).toBe(expected);
  });

  it("means what the same regular expression means", () => {
    const letters = fc.constantFrom("a", "b", "?", "*", ".");
    const pattern = fc.array(letters, { maxLength: 90 }).map((all) => all.join(""));
    const text = fc.array(fc.constantFrom("a", "b", "."), { maxLength: 90 }).map((all) => all.join(""));
    const parts = fc.oneof(
      fc.tuple(pattern, text),
      // What certainly matches: the text with some of its letters given up.
      fc
        .tuple(text, fc.array(fc.constantFrom("keep", "?", "*"), { minLength: 90, maxLength: 90 }))
        .map(
          ([whole, how]) =>
            [[...whole].map((letter, at) => (how[at] === "keep" ? letter : how[at])).join(""), whole] as const,
        ),
    );
    fc.assert(
      fc.property(parts, ([glob, whole]) => {
        const source = [...glob.replace(/\*+/g, "*")].map(
          (letter) => ({ "*": ".*", "?": ".", ".": "\\." })[letter] ?? letter,
        );
        expect(matches(glob, whole)).toBe(new RegExp(`^${source.join("")}$`, "s").test(whole));
      }),
      { numRuns: 500 },
    );
  });
});
