import { expect, test } from "vitest";
import { startPath } from "../../../src/cli/commands/verify.ts";
import { differenceJson, differenceLine, progressLine, verdictLine } from "../../../src/cli/verify-text.ts";

const disk = { path: "/a\n", directory: false, size: 1, modified: 2.5 };
const unequal = { kind: "size", path: "/a\n", disk, view: { ...disk, size: 3 } } as const;
const none = { missing: 0, ghost: 0, kind: 0, size: 0, mtime: 0 };
const tally = { entries: 1000, differences: none, settled: 0, followed: 0, notCompared: 0 };
const verdict = { ...tally, outcome: "equal", interrupted: false, elapsedMs: 2000 } as const;

test("a difference names both sides", () => {
  const line = differenceLine(unequal);
  expect(line).toContain("/a\\x0a");
  expect(line).toContain("on the disk file, 1 bytes, changed 2.5; in the view file, 3 bytes, changed 2.5");
});

test("a difference as JSON is one line with both sides as rows have them", () => {
  const text = differenceJson(unequal);
  expect(text.indexOf("\n")).toBe(text.length - 1);
  expect(JSON.parse(text)).toEqual({
    type: "difference",
    difference: "size",
    path: "/a\n",
    disk: { is_directory: false, size: 1, modified_time: 2.5 },
    view: { is_directory: false, size: 3, modified_time: 2.5 },
  });
});

test("progress has a rate and the time left, as far as a total is known", () => {
  expect(progressLine(tally, 0, undefined, 1000)).toBe("verify  1,000 entries, 1,000/s");
  expect(progressLine(tally, 3, 61_000, 1000)).toBe(
    "verify  1,000 of about 61,000 entries, 1,000/s, 1 min 0 s left, 3 differ so far",
  );
});

test("the verdict counts what differs by its kind", () => {
  expect(verdictLine(verdict)).toBe("Equal: 1,000 entries in 2.0 s (500/s).");
  const different = { ...verdict, outcome: "different", differences: { ...none, ghost: 2 }, settled: 4 } as const;
  expect(verdictLine(different)).toContain("Different: 1,000 entries in 2.0 s (500/s); 2 only in the view; 4 were on");
  expect(verdictLine({ ...different, interrupted: true })).toMatch(/^Interrupted: /);
});

test("a path may be written with slashes at its end or without one in front", () => {
  expect(["/", "", "a/b/", "//a//b"].map(startPath)).toEqual(["/", "/", "/a/b", "/a/b"]);
});
