import { expect, test } from "vitest";
import { shortId } from "../../../../src/pipe/session/connector.ts";

test("of a session's id never more than half is shown, however short it is", () => {
  expect(shortId("99d2f67b-4b1e-4a51-9d3e-0a1b2c3d4e5f")).toBe("99d2f67b");
  expect(shortId("abc123")).toBe("abc");
  expect(shortId("s")).toBe("");
});
