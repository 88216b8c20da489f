import { existsSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { expect, it } from "vitest";

const ROOT = resolve(import.meta.dirname, "../../..");

/** `file`: title, title; `file`: title */
function referencesOf(cell: string): { readonly file: string; readonly titles: readonly string[] }[] {
  return cell.split(";").map((part) => {
    const [, file = "", titles = ""] = /^\s*`([^`]+)`:(.*)$/.exec(part) ?? [];
    return { file, titles: titles.split(", ").map((title) => title.trim()) };
  });
}

function sourceOf(file: string): string | undefined {
  const path = [`${file}.test.ts`, `${file}.ts`].map((name) => resolve(ROOT, "test", name)).find(existsSync);
  return path === undefined ? undefined : readFileSync(path, "utf8");
}

it("every test that docs/faults.md names exists under that title", () => {
  const rows = readFileSync(resolve(ROOT, "docs/faults.md"), "utf8")
    .split("\n")
    .filter((line) => line.startsWith("| ") && !line.startsWith("| fault"));
  expect(rows.length).toBeGreaterThan(30);
  const missing: string[] = [];
  for (const row of rows) {
    for (const { file, titles } of referencesOf(
      row
        .split(" | ")
        .at(-1)
        ?.replace(/\s*\|$/, "") ?? "",
    )) {
      const source = sourceOf(file);
      if (source === undefined) missing.push(`${file} (in: ${row.slice(0, 60)})`);
      else missing.push(...titles.filter((title) => !source.includes(title)).map((title) => `${file}: ${title}`));
    }
  }
  expect(missing).toEqual([]);
});
