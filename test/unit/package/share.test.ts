import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { expect, test } from "vitest";

const ROOT = resolve(import.meta.dirname, "../../..");
const textOf = (path: string): string => readFileSync(resolve(ROOT, path), "utf8");

test("the script for OpenRC is a script of sh", () => {
  execFileSync("sh", ["-n", resolve(ROOT, "share/openrc/fustor-agent")]);
});

test("the Dockerfile names the tarball of this version", () => {
  const { version } = JSON.parse(textOf("package.json")) as { version: string };
  const names = textOf("share/docker/Dockerfile").match(/fustor-agent-\d[\w.-]*\.tgz/g) ?? [];
  expect(names.length).toBeGreaterThan(0);
  expect([...new Set(names)]).toEqual([`fustor-agent-${version}.tgz`]);
});

test("every page and file that the pages on deployment name is there", () => {
  for (const page of ["docs/deployment.md", "docs/troubleshooting.md", "docs/install.md"]) {
    const links = [...textOf(page).matchAll(/\]\(([\w./-]+\.md)/g)].map(([, target = ""]) => `docs/${target}`);
    const files = [...textOf(page).matchAll(/`((?:share|test)\/[\w./-]+)`/g)].map(([, target = ""]) => target);
    expect([...links, ...files].filter((path) => !existsSync(resolve(ROOT, path)))).toEqual([]);
  }
});
