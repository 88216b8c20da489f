import { spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, expect, it } from "vitest";
import { findNpm, withoutScripts } from "../../../../src/cli/drivers/npm.ts";
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

it("the shell that scripts of packages get does nothing and is content", () => {
  const { npm_config_script_shell: shell = "", npm_config_ignore_scripts: ignored } = withoutScripts(process.env);
  expect(ignored).toBe("true");
  const { status, stdout } = spawnSync(shell, ["-c", "echo ran; exit 1"], { encoding: "utf8" });
  expect([status, stdout]).toEqual([0, ""]);
});
