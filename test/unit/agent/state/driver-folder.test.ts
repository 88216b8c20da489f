import { readdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { driverFiles } from "../../../../src/agent/state/driver-folder.ts";
import { createTempFolder, removeTempFolders } from "../../../support/temp-tree.ts";

let home: string;
beforeEach(() => {
  home = createTempFolder("driver-files");
});
afterEach(removeTempFolders);

const owner = { driver: "source-demo", address: "db://me:secret@host/x" };

it("a driver has its files again, for the owner of the home alone, and nothing of its address shows", async () => {
  const files = driverFiles(home, owner);
  expect(await files.read("position")).toBeUndefined();
  expect(readdirSync(home)).toEqual([]);
  await files.write("position", "1");
  await files.write("position", "2");
  expect(await driverFiles(home, owner).read("position")).toBe("2");
  const [folder = ""] = readdirSync(join(home, "state/drivers"));
  expect(folder).toMatch(/^source-demo-[0-9a-f]{16}$/);
  expect(readdirSync(join(home, "state/drivers", folder))).toEqual(["position"]);
  expect(statSync(join(home, "state/drivers", folder)).mode & 0o777).toBe(0o700);
  expect(statSync(join(home, "state/drivers", folder, "position")).mode & 0o777).toBe(0o600);
  await files.remove("position");
  await files.remove("position");
  expect(await files.read("position")).toBeUndefined();
});

it("another address has other files", async () => {
  await driverFiles(home, owner).write("x", "1");
  expect(await driverFiles(home, { ...owner, address: "db://other" }).read("x")).toBeUndefined();
});

it.each(["", "..", "a/b", "../x", ".hidden", "a\0b"])("%j is no name for a file", async (name) => {
  await expect(driverFiles(home, owner).read(name)).rejects.toThrow("no name for a file");
  await expect(driverFiles(home, owner).write(name, "")).rejects.toThrow("no name for a file");
});

it("a write that fails says why, and the next one may succeed", async () => {
  writeFileSync(join(home, "state"), "");
  const files = driverFiles(home, owner);
  await expect(files.write("x", "1")).rejects.toMatchObject({ code: "FUSTOR_HOME_UNUSABLE" });
});
