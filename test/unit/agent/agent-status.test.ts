import { expect, test } from "vitest";
import { publicUri } from "../../../src/agent/agent-status.ts";

test.each([
  ["http://u:p@host:1/x", "http://host:1/x"],
  ["https://token@host", "https://host"],
  ["http://host/a@b", "http://host/a@b"],
  ["http://host?x=a@b", "http://host?x=a@b"],
  ["/data/a@b", "/data/a@b"],
  ["mysql://root:p@ss@db:3306", "mysql://db:3306"],
  ["echo:", "echo:"],
])("%s is shown as %s", (uri, shown) => {
  expect(publicUri(uri)).toBe(shown);
});
