import { existsSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { expect, it } from "vitest";

const ROOT = resolve(import.meta.dirname, "../../..");

interface Reference {
  readonly file: string;
  readonly titles: readonly string[];
}

interface Fault {
  readonly heading: string;
  readonly references: readonly Reference[];
}

/** - `file`: title, title; it may go on in indented lines. */
function referencesOf(section: string): Reference[] {
  const items = section.matchAll(/^- `([^`]+)`:(.*(?:\n {2}\S.*)*)/gm);
  return [...items].map(([, file = "", titles = ""]) => ({
    file,
    titles: titles
      .replace(/\n */g, " ")
      .split(", ")
      .map((title) => title.trim()),
  }));
}

function faultsOf(text: string): Fault[] {
  return text
    .split(/^#{2,3} /m)
    .slice(1)
    .map((section) => ({ heading: section.split("\n", 1)[0] ?? "", section }))
    .filter(({ heading, section }) => section.trim() !== heading)
    .map(({ heading, section }) => ({ heading, references: referencesOf(section) }));
}

function sourceOf(file: string): string | undefined {
  const path = [`${file}.test.ts`, `${file}.ts`].map((name) => resolve(ROOT, "test", name)).find(existsSync);
  return path === undefined ? undefined : readFileSync(path, "utf8");
}

function missingOf({ file, titles }: Reference): string[] {
  const source = sourceOf(file);
  if (source === undefined) return [`${file} does not exist`];
  return titles.filter((title) => !source.includes(title)).map((title) => `${file}: ${title}`);
}

const faults = faultsOf(readFileSync(resolve(ROOT, "docs/faults.md"), "utf8"));

it("docs/faults.md names a test for each fault", () => {
  expect(faults.length).toBeGreaterThan(60);
  expect(faults.filter(({ references }) => references.length === 0)).toEqual([]);
});

it("every test that docs/faults.md names exists under that title", () => {
  expect(faults.flatMap(({ references }) => references.flatMap(missingOf))).toEqual([]);
});
