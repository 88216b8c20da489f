import { mkdirSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { afterEach, expect, it } from "vitest";
import { DriversProject, isOf, pathOf } from "../../../../src/cli/drivers/drivers-project.ts";
import { createTempFolder, removeTempFolders } from "../../../support/temp-tree.ts";

afterEach(removeTempFolders);

it.each([
  "https://example.org/a-1.0.0.tgz",
  "git+https://example.org/a.git",
  "github:x/a",
  "npm:a@1",
  "a@^1",
  "@x/a",
  "a",
  "x/a",
])("%s goes to npm as it is", (what) => {
  expect(pathOf(what)).toBeUndefined();
});

it.each(["./a", "../a", "a-1.0.0.tgz", "x/a.tar.gz", "./a/", ".", "/x/a"])(
  "%s is a path from where the user is",
  (what) => {
    expect(pathOf(what)).toBe(resolve(what));
    expect(pathOf(`file:${what}`)).toBe(resolve(what));
  },
);

it.each([
  ["/w/demo", "demo", "file:../../w/demo", true],
  ["/w/a.tgz", "demo", "file:../../w/a.tgz", true],
  ["/w/demo", "other", "file:../../w/other", false],
  ["/demo", "other", "file:../../w/demo", false],
  ["demo", "demo", "^1.0.0", true],
  ["demo@2", "demo", "^2.0.0", true],
  ["https://example.org/a.tgz", "demo", "https://example.org/a.tgz", true],
])("whether %s brought %s with %s is %s", (asked, name, range, answer) => {
  expect(isOf(asked, [name, range], "/home/drivers")).toBe(answer);
});

it("a package.json that is damaged is named with a cure", () => {
  const home = createTempFolder("drivers-project");
  mkdirSync(join(home, "drivers"));
  writeFileSync(join(home, "drivers/package.json"), "{");
  const project = new DriversProject(home);
  expect(() => project.dependencies()).toThrow(/drivers\/package\.json cannot be read: correct it, or remove it/);
});
