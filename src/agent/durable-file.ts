/** Files that must be whole after a crash or a power failure: written beside, synced, renamed, the folder synced. */
import { link, open, rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";

/** Makes a rename in this folder survive a power failure. File systems that cannot do it are left alone. */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, "r");
  try {
    await handle.sync();
  } catch (error) {
    if (!["EINVAL", "ENOTSUP", "EISDIR"].includes((error as NodeJS.ErrnoException).code ?? "")) throw error;
  } finally {
    await handle.close();
  }
}

/** The present file also becomes `previous`; at every moment there is a whole file under the old name. */
async function keepPrevious(path: string, previous: string): Promise<void> {
  const second = `${previous}.${process.pid}.tmp`;
  await rm(second, { force: true });
  try {
    await link(path, second);
    await rename(second, previous);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
  }
}

/** Replaces `path` in one step, mode 0600. With `previous` the last generation stays readable there. */
export async function writeDurably(path: string, text: string, previous?: string): Promise<void> {
  const folder = dirname(path);
  const temporary = join(folder, `.${basename(path)}.${process.pid}.tmp`);
  const handle = await open(temporary, "w", 0o600);
  try {
    await handle.writeFile(text);
    await handle.sync();
  } finally {
    await handle.close();
  }
  if (previous !== undefined) await keepPrevious(path, previous);
  await rename(temporary, path);
  await syncFolder(folder);
}
