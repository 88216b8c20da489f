/**
 * `$FUSTOR_HOME/fusion-keys`: the registry of keys (`keys.json`), when each was used last (`uses.json`), the socket of the
 * running Fusion, and two locks.
 */
import { constants } from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { takeLock } from "../../agent/process/take-lock.ts";
import { ensureFolder, writeDurably } from "../../agent/state/durable-file.ts";
import { fileTrouble } from "../../config/file-trouble.ts";
import { ensureHome } from "../../config/home.ts";
import { requireTrusted } from "../../config/trusted-files.ts";
import { type KeyRecord, keysOfText, textOfKeys } from "../../fusion/keys/key-record.ts";
import { describeError, FustorError } from "../../sdk/index.ts";

export interface KeyPaths {
  readonly folder: string;
  readonly keys: string;
  readonly uses: string;
  /** Held while the keys are changed. */
  readonly changing: string;
  /** Held by the Fusion that runs. */
  readonly running: string;
}

export function keyPaths(home: string): KeyPaths {
  const folder = join(home, "fusion-keys");
  const path = (name: string): string => join(folder, name);
  return {
    folder,
    keys: path("keys.json"),
    uses: path("uses.json"),
    changing: path("keys.lock"),
    running: path("fusion.lock"),
  };
}

/** Ten thousand keys are 5 MiB. */
const MOST_BYTES = 16_777_216;
const { O_NOFOLLOW, O_NONBLOCK, O_RDONLY } = constants;

/**
 * None when there is no file. Throws FUSTOR_CONFIG_INVALID or FUSTOR_HOME_UNUSABLE, naming the file or its folder and
 * what to do.
 */
export async function readKeys(home: string): Promise<readonly KeyRecord[]> {
  const { folder, keys } = keyPaths(home);
  // Whoever may write the folder could put an earlier file back, and with it a key that was revoked.
  requireTrusted([folder]);
  const text = await readSecretly(keys);
  return text === undefined ? [] : keysOfText(text, keys);
}

/** Every other command that changes keys waits meanwhile. */
export async function changeKeys(
  home: string,
  change: (keys: readonly KeyRecord[]) => readonly KeyRecord[],
): Promise<void> {
  await ensureHome(home);
  const { folder, keys: file, changing } = keyPaths(home);
  await ensureKeyFolder(folder);
  const lock = await takeLock(changing, "another process is changing keys");
  try {
    const keys = await readKeys(home);
    const changed = change(keys);
    if (changed !== keys) await writeDurably(file, textOfKeys(changed));
  } finally {
    lock.unlock();
  }
}

/** Throws FUSTOR_CONFIG_INVALID for a folder that others may write. */
export async function ensureKeyFolder(folder: string): Promise<void> {
  await ensureFolder(folder).catch((error: unknown) => {
    throw fileTrouble(error, folder, "made");
  });
  requireTrusted([folder]);
}

/** Key id -> when it was used last. Nothing depends on it, so one that cannot be read is none. */
export async function readUses(home: string): Promise<ReadonlyMap<string, number>> {
  try {
    const value: unknown = JSON.parse((await readSecretly(keyPaths(home).uses)) ?? "{}");
    const entries = Object.entries(value as object).filter(([, at]) => typeof at === "number" && Number.isFinite(at));
    return new Map(entries);
  } catch {
    return new Map();
  }
}

export const writeUses = (home: string, uses: ReadonlyMap<string, number>): Promise<void> =>
  writeDurably(keyPaths(home).uses, `${JSON.stringify(Object.fromEntries(uses))}\n`);

/** A regular file that is no link and that only its owner may read: us or root. */
async function readSecretly(path: string): Promise<string | undefined> {
  try {
    const handle = await open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    try {
      const stats = await handle.stat();
      if (!stats.isFile()) throw refused(path, "is no regular file; remove it");
      if ((stats.mode & 0o077) !== 0) throw refused(path, `may be opened by other users; run: chmod 600 ${path}`);
      requireTrusted([path]);
      if (stats.size > MOST_BYTES) throw refused(path, "is larger than any registry of keys; put back a copy of it");
      return await handle.readFile("utf8");
    } finally {
      await handle.close();
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw fileTrouble(error, path, "read");
  }
}

const refused = (path: string, what: string): FustorError =>
  new FustorError("FUSTOR_CONFIG_INVALID", `${path} ${what}`);

/** What of the file shows that it is another one than before. */
export async function keyFileMark(home: string): Promise<string> {
  try {
    const handle = await open(keyPaths(home).keys, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    try {
      const { dev, ino, size, mtimeNs, ctimeNs } = await handle.stat({ bigint: true });
      return [dev, ino, size, mtimeNs, ctimeNs].join(":");
    } finally {
      await handle.close();
    }
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return code ?? describeError(error);
  }
}
