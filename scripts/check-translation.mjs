/**
 * README.zh-CN.md says the same as README.md: before each of its sections a comment holds the title and the hash of the English
 * section that it was made from. `--write` renews the hashes, once the Chinese text was brought up to date.
 */
import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";

const ROOT = resolve(import.meta.dirname, "..");
const TRANSLATION = resolve(ROOT, "README.zh-CN.md");
const MARK = /^<!-- en (.+) ([0-9a-f]{12}) -->$/gm;

/** Title and hash of each section; the part before the first one has the title of the page. The line of languages does not count. */
export function sectionsOf(text) {
  const counting = text.replace(/^English \| .*\n\n?/m, "");
  return counting
    .split(/^##? /m)
    .slice(1)
    .map((section) => ({
      title: section.split("\n", 1)[0],
      hash: createHash("sha256").update(section.trim()).digest("hex").slice(0, 12),
    }));
}

/** What is wrong with a translation, in the order of the English text; empty = nothing. */
export function staleSections(english, translation) {
  const sections = sectionsOf(english);
  const marks = [...translation.matchAll(MARK)].map(([, title, hash]) => ({ title, hash }));
  const wrong = sections.flatMap(({ title, hash }, at) => {
    const mark = marks[at];
    if (mark === undefined || mark.title !== title) return [`the section "${title}" is missing, or not in its place`];
    return mark.hash === hash ? [] : [`the section "${title}" is older than that of README.md`];
  });
  const more = marks.slice(sections.length).map(({ title }) => `the section "${title}" is not in README.md`);
  return [...wrong, ...more];
}

/** With the hashes of the English text as it is. */
export function renewed(english, translation) {
  const hashes = new Map(sectionsOf(english).map(({ title, hash }) => [title, hash]));
  return translation.replace(MARK, (mark, title, hash) => mark.replace(hash, hashes.get(title) ?? hash));
}

function main() {
  const english = readFileSync(resolve(ROOT, "README.md"), "utf8");
  const translation = readFileSync(TRANSLATION, "utf8");
  const isWriting = process.argv.includes("--write");
  if (isWriting) writeFileSync(TRANSLATION, renewed(english, translation));
  const stale = staleSections(english, isWriting ? renewed(english, translation) : translation);
  for (const line of stale) console.error(`README.zh-CN.md: ${line}`);
  if (stale.length === 0) console.log("README.zh-CN.md says what README.md says");
  else console.error("bring the Chinese text up to date, then run `node scripts/check-translation.mjs --write`");
  process.exitCode = stale.length === 0 ? 0 : 1;
}

if (process.argv[1] === import.meta.filename) main();
