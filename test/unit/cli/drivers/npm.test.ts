import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, expect, it } from "vitest";
import { findNpm } from "../../../../src/cli/drivers/npm.ts";
import { createTempFolder, removeTempFolders } from "../../../support/temp-tree.ts";

afterEach(removeTempFolders);

it("takes the npm beside Node first, then the one in PATH, and none where there is none", () => {
  const root = createTempFolder("npm");
  const [node, other] = [join(root, "node"), join(root, "other")];
  for (const folder of [node, other]) mkdirSync(folder);
  const path = `${join(root, "nothing")}:${other}`;
  expect(findNpm(join(node, "node"), path)).toBeUndefined();
  expect(findNpm(join(node, "node"), undefined)).toBeUndefined();
  writeFileSync(join(other, "npm"), "");
  expect(findNpm(join(node, "node"), path)).toBe(join(other, "npm"));
  writeFileSync(join(node, "npm"), "");
  expect(findNpm(join(node, "node"), path)).toBe(join(node, "npm"));
});
