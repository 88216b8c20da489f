/** What drivers keep: a folder for each in the state of the home, made with the first file. */
import { createHash } from "node:crypto";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { fileTrouble } from "../../config/file-trouble.ts";
import { homePaths } from "../../config/home.ts";
import type { DriverFiles } from "../../sdk/index.ts";
import { ensureFolder, readOwnFile, sweepTemporaries, writeDurably } from "./durable-file.ts";
import { fileNameOf } from "./file-name.ts";

const PLAIN_NAME = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,63}$/;

export interface FilesOwner {
  /** Kind and name of the driver. */
  readonly driver: string;
  /** Two owners with other texts never share a folder. A digest, because an address may hold a secret. */
  readonly address: string;
}

export function driverFiles(home: string, { driver, address }: FilesOwner): DriverFiles {
  const above = join(homePaths(home).stateDir, "drivers");
  const digest = createHash("sha256").update(address).digest("hex").slice(0, 16);
  const folder = join(above, `${fileNameOf(driver)}-${digest}`);
  const pathOf = (name: string): string => {
    if (!PLAIN_NAME.test(name)) throw new RangeError(`${JSON.stringify(name)} is no name for a file of a driver`);
    return join(folder, name);
  };
  let made: Promise<void> | undefined;
  const make = async (): Promise<void> => {
    await ensureFolder(homePaths(home).stateDir);
    await ensureFolder(above);
    await ensureFolder(folder);
    await sweepTemporaries([folder]);
  };
  return {
    read: async (name) => {
      const path = pathOf(name);
      try {
        return await readOwnFile(path);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
        throw fileTrouble(error, path, "read");
      }
    },
    write: async (name, text) => {
      const path = pathOf(name);
      made ??= make().catch((error: unknown) => {
        made = undefined;
        throw fileTrouble(error, folder, "made");
      });
      await made;
      await writeDurably(path, text);
    },
    remove: async (name) => rm(pathOf(name), { force: true }),
  };
}
