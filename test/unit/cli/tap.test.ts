import { expect, test } from "vitest";
import { changeLine } from "../../../src/cli/commands/tap.ts";

const at = "2026-11-28T12:03:05.412Z";

test("a change is one line, and a name can do nothing to the terminal", () => {
  const row = { path: "/a", size: 3, modified_time: 1.5, is_directory: false };
  expect(changeLine({ at, op: "update", key: "/a", row })).toBe("12:03:05.412  update  /a  size=3  modified_time=1.5");
  expect(changeLine({ at, op: "delete", key: "/\u001b[2J\n", row: {} })).toBe("12:03:05.412  delete  /\\x1b[2J\\x0a");
  expect(changeLine({ at, op: "insert", key: "7", table: "users", row: {} })).toBe("12:03:05.412  insert  users  7");
});
