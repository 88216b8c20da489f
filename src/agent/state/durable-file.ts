/**
 * Files of ours. What must be whole after a crash or a power failure is written beside, synced, renamed, and the folder
 * synced.
 *
 * Nothing here follows a symbolic link in the place of a file, and temporary files have names that nobody can guess: a
 * home that somebody else can write must not make us write to other places.
 */
import { randomBytes } from "node:crypto";
import { constants, mkdirSync } from "node:fs";
import { copyFile, link, lstat, mkdir, open, readdir, rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { fileTrouble } from "../../config/file-trouble.ts";

const { O_APPEND, O_CREAT, O_NOFOLLOW, O_NONBLOCK, O_RDONLY, O_WRONLY } = constants;

/** For files that grow. */
export const APPEND = O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW;

/**
 * A name beside the file that nobody knows; make it exclusively ("wx"). Left behind, {@link sweepTemporaries} takes it
 * away.
 */
export const temporaryOf = (path: string): string =>
  join(dirname(path), `.${basename(path)}.${randomBytes(8).toString("hex")}.tmp`);

const TEMPORARY = /^\..+\.[0-9a-f]{16}\.tmp$/;
/** A socket on its way to its place: control-address.ts. */
const DRAFT = /^\.s[0-9a-f]{8}$/;

/** The text of a regular file that is no link. Rejects like `readFile`. */
export async function readOwnFile(path: string): Promise<string> {
  const handle = await open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  try {
    return await handle.readFile("utf8");
  } finally {
    await handle.close();
  }
}

/** Not every file system can sync everything. */
const NO_SYNC = new Set(["EINVAL", "ENOTSUP", "EISDIR", "ENOSYS"]);

/** Makes a rename in this folder survive a power failure. File systems that cannot do it are left alone. */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, "r");
  try {
    await handle.sync();
  } catch (error) {
    if (!NO_SYNC.has((error as NodeJS.ErrnoException).code ?? "")) throw error;
  } finally {
    await handle.close();
  }
}

/**
 * The present file also becomes `previous`; at every moment there is a whole file under the old name. A second name of
 * the same file where the file system has such, else a copy. The new generation does not wait for it: what fails here
 * leaves an older `previous`.
 */
async function keepPrevious(path: string, previous: string): Promise<void> {
  const second = temporaryOf(previous);
  try {
    await link(path, second).catch((error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") throw error;
      return copyFile(path, second, constants.COPYFILE_EXCL);
    });
    await rename(second, previous);
  } catch {
    await rm(second, { force: true }).catch(() => undefined);
  }
}

async function writeWhole(path: string, text: string): Promise<void> {
  const handle = await open(path, "wx", 0o600);
  try {
    await handle.writeFile(text);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/**
 * Replaces `path` in one step, mode 0600. With `previous` the last generation stays readable there. Throws
 * FUSTOR_HOME_UNUSABLE.
 */
export async function writeDurably(path: string, text: string, previous?: string): Promise<void> {
  const temporary = temporaryOf(path);
  try {
    await writeWhole(temporary, text);
    if (previous !== undefined) await keepPrevious(path, previous);
    await rename(temporary, path);
    await syncFolder(dirname(path));
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => undefined);
    throw fileTrouble(error, path, "written");
  }
}

/** One folder of ours, never the home above it: a home that was removed must not come back as an empty shell. */
export async function ensureFolder(folder: string): Promise<void> {
  await mkdir(folder, { mode: 0o700 }).catch(unlessThere);
}

export function ensureFolderSync(folder: string): void {
  try {
    mkdirSync(folder, { mode: 0o700 });
  } catch (error) {
    unlessThere(error);
  }
}

function unlessThere(error: unknown): void {
  if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
}

/**
 * Removes what writes that were cut off left in our folders. Only for the holder of the home's lock: nobody else writes
 * there now.
 */
export async function sweepTemporaries(folders: readonly string[]): Promise<void> {
  for (const folder of folders) {
    for (const name of await readdir(folder).catch(() => [])) {
      if (!TEMPORARY.test(name) && !DRAFT.test(name)) continue;
      const path = join(folder, name);
      const stats = await lstat(path).catch(() => undefined);
      if (DRAFT.test(name) ? stats?.isSocket() : stats?.isFile())
        await rm(path, { force: true }).catch(() => undefined);
    }
  }
}
