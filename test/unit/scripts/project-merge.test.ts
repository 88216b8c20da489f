import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { afterEach, expect, test } from "vitest";
import { createTempFolder, removeTempFolders } from "../../support/temp-tree.ts";

const SCRIPT = resolve(import.meta.dirname, "../../../scripts/project-merge.mjs");

afterEach(removeTempFolders);

function folderOf(files: Record<string, string>): string {
  const folder = createTempFolder("merge");
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
  return folder;
}

function merge(...args: readonly string[]): { status: number | null; stdout: string; stderr: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [SCRIPT, ...args], { encoding: "utf8" });
  return { status, stdout, stderr };
}

const headings = (text: string): string[] => [...text.matchAll(/^## (.*)$/gm)].map(([, path = ""]) => path);

test("sources and documents below a folder become one text, sorted, each in a fence that holds", () => {
  const readme = "# Hello\n\n```sh\nls\n```\n";
  const folder = folderOf({ "src/b.ts": "export const b = 1;", "src/a.py": "print(1)\n", "README.md": readme });
  const { status, stdout, stderr } = merge(folder);
  expect(status).toBe(0);
  expect(headings(stdout).filter((each) => each !== "Hello")).toEqual(["README.md", "src/a.py", "src/b.ts"]);
  expect(stdout).toContain(`## README.md\n\n\`\`\`\`md\n${readme}\`\`\`\`\n`);
  expect(stdout).toContain("## src/b.ts\n\n```ts\nexport const b = 1;\n```\n");
  expect(stderr).toMatch(/^3 files, \d+ bytes\n$/);
});

test("packages, hidden folders, links and pictures stay out; what is binary or too large is named", () => {
  const folder = folderOf({
    "node_modules/x/index.js": "1",
    ".cache/y.js": "1",
    "picture.png": "1",
    "zero.js": "a\0b",
    "long.txt": "x".repeat(200),
    "kept.txt": "kept",
  });
  symlinkSync("kept.txt", join(folder, "link.txt"));
  const { stdout, stderr } = merge(folder, "--max-bytes", "100");
  expect(headings(stdout)).toEqual(["kept.txt"]);
  expect(stderr).toContain("left out long.txt: larger than 100 bytes\nleft out zero.js: binary\n");
});

test("in a git checkout what git ignores stays out, and the text does not hold itself", () => {
  const folder = folderOf({ ".gitignore": "made/\n", "made/a.ts": "1", "own.ts": "2" });
  spawnSync("git", ["init", "-q", folder]);
  const all = join(folder, "all.md");
  for (const _ of [1, 2]) expect(merge(folder, "-o", all).status).toBe(0);
  expect(headings(readFileSync(all, "utf8"))).toEqual(["own.ts"]);
});

test("only the asked kinds; a missing folder, no folder and an unknown option are errors", () => {
  const folder = folderOf({ "a.ts": "1", "a.md": "2" });
  expect(headings(merge(folder, "--only", ".md").stdout)).toEqual(["a.md"]);
  expect(merge(join(folder, "none"))).toMatchObject({ status: 1, stdout: "" });
  expect(merge()).toMatchObject({ status: 64, stdout: "" });
  expect(merge(folder, "--what")).toMatchObject({ status: 64, stdout: "" });
});
