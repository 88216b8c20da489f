import { expect, test } from "vitest";
import { comparedMembers } from "../../../src/verify/compared-members.ts";

const rule = (to: string, source = to) => ({ to, source: [source] });

test("without a mapping everything is compared", () => {
  expect(comparedMembers([])).toEqual({ size: true, modified: true });
});

test("what a mapping drops or changes is not compared", () => {
  const base = [rule("path"), rule("is_directory", "is_directory:bool")];
  expect(comparedMembers(base)).toEqual({ size: false, modified: false });
  expect(comparedMembers([...base, rule("size", "size:int"), rule("modified_time")])).toEqual({
    size: true,
    modified: true,
  });
  expect(comparedMembers([...base, rule("modified_time", "modified_time:int")])?.modified).toBe(false);
  expect(comparedMembers([...base, rule("size", "modified_time")])?.size).toBe(false);
  expect(comparedMembers([...base, { ...rule("size"), hardcodedValue: { value: 1 } }])?.size).toBe(false);
});

test("without path or kind as they are nothing can be compared", () => {
  expect(comparedMembers([rule("path")])).toBeUndefined();
  expect(comparedMembers([rule("path", "file_name"), rule("is_directory")])).toBeUndefined();
});
