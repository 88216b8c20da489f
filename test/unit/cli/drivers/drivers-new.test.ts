import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { afterEach, expect, it } from "vitest";
import { newDriver } from "../../../../src/cli/commands/drivers-new.ts";
import { Terminal } from "../../../../src/cli/terminal.ts";
import { driverPackage } from "../../../../src/drivers/manifest.ts";
import { agentVersion } from "../../../../src/sdk/version.ts";
import { createTempFolder, removeTempFolders } from "../../../support/temp-tree.ts";

afterEach(removeTempFolders);

const make = (kind: "source" | "sender", name: string, folder: string) =>
  newDriver(kind, name, folder, new Terminal(new PassThrough().resume(), new PassThrough().resume()));

it.each([
  ["source", "demo", "demo"],
  ["sender", "@me/fustor-sender-file", "file"],
  ["source", "fustor-source-a-b", "a-b"],
] as const)("a new %s %s is a package that the agent finds as the driver %s", async (kind, name, driver) => {
  const folder = join(createTempFolder("new"), "x");
  expect(await make(kind, name, folder)).toBe(0);
  const manifest = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  expect(driverPackage(manifest, folder)).toMatchObject({
    name,
    entry: join(folder, "index.js"),
    sdkRange: `>=${agentVersion}`,
    drivers: expect.arrayContaining([{ kind, name: driver }]),
  });
  for (const file of ["index.js", "README.md", "test/contract.test.js"]) {
    expect(readFileSync(join(folder, file), "utf8")).not.toMatch(/\{\{\w+\}\}/);
  }
});

it("nothing is written over what is there, and no folder is made for a bad name", async () => {
  const folder = createTempFolder("new");
  writeFileSync(join(folder, "mine"), "");
  expect(await make("source", "demo", folder)).toBe(1);
  expect(existsSync(join(folder, "index.js"))).toBe(false);
  expect(await make("source", "No Name", join(folder, "y"))).toBe(64);
  expect(existsSync(join(folder, "y"))).toBe(false);
});
