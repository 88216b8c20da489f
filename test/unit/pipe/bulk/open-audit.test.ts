import { expect, test } from "vitest";
import { OpenAudit } from "../../../../src/pipe/bulk/open-audit.ts";

test("a rescan may send an end unless that would answer for an audit, or for a rescan that left one out", () => {
  const open = new OpenAudit();
  expect(open.isRescanSafe).toBe(true);
  open.leave();
  expect(open.isRescanSafe, "nothing was begun").toBe(true);
  open.begin("rescan");
  expect(open.isRescanSafe).toBe(true);
  open.leave();
  expect(open.isRescanSafe).toBe(false);
  open.end();
  expect(open.isRescanSafe).toBe(true);
  open.begin("audit");
  expect(open.isRescanSafe).toBe(false);
  open.leave();
  open.end();
  expect(open.isRescanSafe).toBe(true);
});
