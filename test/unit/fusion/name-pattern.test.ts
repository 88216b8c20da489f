import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Arbitration } from "../../../src/fusion/arbitration.ts";
import { NamePattern } from "../../../src/fusion/name-pattern.ts";
import { search } from "../../../src/fusion/search.ts";

const matches = (pattern: string, text: string): boolean => new NamePattern(pattern).matches(text);

describe("NamePattern", () => {
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

describe("search", () => {
  const clock = { wallSeconds: () => 1000, monotonicMs: () => 1000 };
  const view = (...paths: string[]): Arbitration => {
    const arbitration = new Arbitration({ clock, hotFileSeconds: 1, tombstoneSeconds: 1 });
    for (const path of paths) arbitration.tree.ensure(path, false, "");
    return arbitration;
  };
  const found = async (arbitration: Arbitration, pattern: string, limit = 10): Promise<string[] | undefined> => {
    const heads = await search(arbitration, pattern, limit, () => true);
    return heads === undefined ? undefined : [...heads.keys()];
  };

  it("looks at names, with a slash at whole paths, up to a limit", async () => {
    const arbitration = view("/a/x.txt", "/b/x.txt", "/b/y.txt");
    expect(await found(arbitration, "x.*")).toEqual(["/a/x.txt", "/b/x.txt"]);
    expect(await found(arbitration, "/b/*")).toEqual(["/b/x.txt", "/b/y.txt"]);
    expect(await found(arbitration, "*b/*")).toEqual(["/b/x.txt", "/b/y.txt"]);
    expect(await found(arbitration, "*", 2)).toHaveLength(2);
  });

  it("ends without an answer when the view is emptied under it or nobody waits for it", async () => {
    const many = view();
    for (let at = 0; at < 200_000; at++) many.tree.ensure(`/d/name-${at}`, false, "");
    expect(await search(many, "nothing", 10, () => false)).toBeUndefined();
    const running = found(many, "nothing");
    many.reset();
    expect(await running).toBeUndefined();
  });
});
