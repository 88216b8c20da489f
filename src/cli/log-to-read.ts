/** The log of a home for commands that read it. */
import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { FustorError } from "../sdk/index.ts";

const { O_NONBLOCK, O_RDONLY } = constants;

/** A regular file alone: to open a named pipe, or to read one, may wait for ever. */
export async function openLogFile(path: string): Promise<FileHandle> {
  let file: FileHandle;
  try {
    file = await open(path, O_RDONLY | O_NONBLOCK);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const what = code === "ENOENT" ? "there is no log yet" : `the log cannot be read (${code})`;
    throw new FustorError("FUSTOR_CONFIG_MISSING", `${path}: ${what}`, { cause: error });
  }
  if ((await file.stat()).isFile()) return file;
  await file.close();
  throw new FustorError("FUSTOR_CONFIG_MISSING", `${path}: the log is no regular file`);
}
