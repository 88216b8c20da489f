import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { canonicalPath } from "../../../src/fusion/tree-path.ts";

describe("canonicalPath", () => {
  it.each([
    ["/", "/"],
    ["", "/"],
    ["a", "/a"],
    ["/a/", "/a"],
    ["//a//b", "/a/b"],
    ["/a/./b", "/a/b"],
    ["/a/../b", "/b"],
    ["/../b", "/b"],
    ["/..", "/"],
    ["/...", "/..."],
    ["/.hidden/..x", "/.hidden/..x"],
    ["/a/..", "/"],
  ])("makes %j into %j", (from, to) => {
    expect(canonicalPath(from)).toBe(to);
  });

  it("changes nothing that it has made itself", () => {
    const piece = fc.constantFrom("/", ".", "..", "a", "\u00e9", " ");
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
        const once = canonicalPath(pieces.join(""));
        expect(canonicalPath(once)).toBe(once);
        expect(once).not.toMatch(/\/\/|\/\.\.?(\/|$)|.\/$/);
      }),
    );
  });
});
