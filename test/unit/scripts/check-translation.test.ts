import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { expect, test } from "vitest";
import { renewed, sectionsOf, staleSections } from "../../../scripts/check-translation.mjs";

const ROOT = resolve(import.meta.dirname, "../../..");
const [english, chinese] = ["README.md", "README.zh-CN.md"].map((name) =>
  readFileSync(resolve(ROOT, name), "utf8"),
) as [string, string];

const ENGLISH = "# Page\n\nEnglish | [other](other.md)\n\nHello.\n\n## One\n\nFirst.\n\n## Two\n\nSecond.\n";
const marked = (...titles: readonly string[]): string =>
  renewed(ENGLISH, titles.map((title) => `<!-- en ${title} 000000000000 -->\ntext\n`).join(""));

test("a translation of each section is as new as the English text, until that changes", () => {
  const translation = marked("Page", "One", "Two");
  expect(staleSections(ENGLISH, translation)).toEqual([]);
  expect(staleSections(ENGLISH.replace("First.", "Changed."), translation)).toEqual([
    'the section "One" is older than that of README.md',
  ]);
});

test("a section that is missing, in another place, or of an earlier text is named", () => {
  expect(staleSections(ENGLISH, marked("Page", "Two"))).toEqual([
    'the section "One" is missing, or not in its place',
    'the section "Two" is missing, or not in its place',
  ]);
  expect(staleSections(ENGLISH, marked("Page", "One", "Two", "Three"))).toEqual([
    'the section "Three" is not in README.md',
  ]);
});

test("the line of languages does not count as text", () => {
  const hashes = (text: string): string[] => sectionsOf(text).map(({ hash }) => hash);
  expect(hashes(ENGLISH.replace("English | [other](other.md)\n\n", ""))).toEqual(hashes(ENGLISH));
});

const all = (text: string, pattern: RegExp): string[] =>
  [...text.matchAll(pattern)].map(([, part = ""]) => part).sort();

test("the Chinese readme has every command, link and block of the English one", () => {
  const links = (text: string): string[] =>
    [...new Set(all(text, /\]\(([^)]+)\)/g))].filter((link) => !link.startsWith("README"));
  expect(links(chinese).sort()).toEqual(links(english).sort());
  expect(all(chinese, /^\| (`[^|]*(?:\\\|[^|]*)*)\|/gm)).toEqual(all(english, /^\| (`[^|]*(?:\\\|[^|]*)*)\|/gm));
  expect(all(chinese, /```yaml\n([\s\S]*?)```/g)).toEqual(all(english, /```yaml\n([\s\S]*?)```/g));
  const typed = (text: string): string[] => all(text, /^ {4}((?:npm|fustor-agent)[^#\n]*?) *(?:#.*)?$/gm);
  expect(typed(chinese)).toEqual(typed(english));
});
