/** docs/watching.md names tests as proof: each of them has to exist. */
import { readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { expect, test } from "vitest";

const ROOT = resolve(import.meta.dirname, "../../..");
const FOLDERS = ["test/native", "test/integration/sources", "test/unit/native"];

const sources = FOLDERS.flatMap((folder) =>
  readdirSync(join(ROOT, folder))
    .filter((name) => name.endsWith("_test.cc") || name.endsWith(".test.ts"))
    .map((name) => readFileSync(join(ROOT, folder, name), "utf8")),
).join("\n");

/** What stands in the third column. */
const proofs = readFileSync(join(ROOT, "docs/watching.md"), "utf8")
  .split("\n")
  .map((line) => line.split("|")[3] ?? "")
  .flatMap((cell) => [...cell.matchAll(/`([^`]+)`/g)].map((match) => match[1] ?? ""));

test("every test that the table of watching names as proof exists under this name", () => {
  expect(proofs.length).toBeGreaterThan(50);
  expect(proofs.filter((name) => !sources.includes(`"${name}"`))).toEqual([]);
});
