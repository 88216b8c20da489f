import { expect, test } from "vitest";
import { formatBytes, formatDuration, formatTable, printable } from "../../../src/cli/table.ts";

test("columns are as wide as their widest cell and lines end without blanks", () => {
  const table = formatTable(["ID", "STATE"], [["a-long-one", "x"], ["b"]]);
  expect(table).toBe("ID          STATE\na-long-one  x\nb");
});

test("control characters of names never reach the terminal", () => {
  expect(printable("a\u001b[31mb\nc\u009b")).toBe("a\\x1b[31mb\\x0ac\\x9b");
  expect(printable("ünï / 名前")).toBe("ünï / 名前");
});

test.each([
  [0, "0 s"],
  [59_999, "59 s"],
  [61_000, "1 min 1 s"],
  [3_600_000, "1 h 0 min"],
  [200_000_000, "2 d 7 h"],
])("%d ms are %s", (ms, text) => {
  expect(formatDuration(ms)).toBe(text);
});

test.each([
  [0, "0 B"],
  [1023, "1023 B"],
  [1536, "1.5 KiB"],
  [5_368_709_120, "5.0 GiB"],
])("%d bytes are %s", (bytes, text) => {
  expect(formatBytes(bytes)).toBe(text);
});
