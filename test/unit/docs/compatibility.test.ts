import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { expect, it } from "vitest";
import { compatibilityRows } from "../../support/compatibility-table.ts";

const TESTS = resolve(import.meta.dirname, "../..");
const rows = compatibilityRows();

it("each row of docs/compatibility.md has a verdict, and a reason unless it is the same", () => {
  expect(rows.length).toBeGreaterThan(100);
  const wrong = rows.filter(
    ({ verdict, here }) => !["same", "better", "left out"].includes(verdict) || (verdict !== "same" && here === ""),
  );
  expect(wrong).toEqual([]);
});

it("each row of docs/compatibility.md names a test or a page that exists", () => {
  const exists = (name: string): boolean =>
    name !== "" && [`${name}.test.ts`, name].some((path) => existsSync(resolve(TESTS, path)));
  expect(rows.filter(({ shownBy }) => !exists(shownBy)).map(({ subject, shownBy }) => [subject, shownBy])).toEqual([]);
});
