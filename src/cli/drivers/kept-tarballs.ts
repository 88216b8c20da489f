/**
 * `<home>/drivers/packages`: what was added from folders and tarballs, as npm installs it. A tarball is named after its
 * content, so npm never takes an edited package for the one that is installed; and what was added can be installed
 * again when its folder is gone.
 */
import { createHash } from "node:crypto";
import { type Stats, statSync } from "node:fs";
import { copyFile, mkdir, mkdtemp, readdir, readFile, rename, rm } from "node:fs/promises";
import { basename, join } from "node:path";
import { packFolder } from "./npm.ts";

const folderOf = (project: string): string => join(project, "packages");

function statsOf(path: string): Stats {
  const stats = statSync(path, { throwIfNoEntry: false });
  if (stats === undefined) throw new Error(`${path} does not exist`);
  if (!stats.isDirectory() && !stats.isFile()) throw new Error(`${path} is neither a folder nor a tarball`);
  return stats;
}

const ENDING = /\.(?:tgz|tar\.gz|tar)$/i;

/** Resolves with the path of the tarball in the project. */
export async function keepTarball(project: string, path: string): Promise<string> {
  const isFolder = statsOf(path).isDirectory();
  await mkdir(folderOf(project), { recursive: true, mode: 0o700 });
  const draft = await mkdtemp(join(folderOf(project), ".draft-"));
  try {
    await (isFolder ? packFolder(path, draft) : copyFile(path, join(draft, basename(path))));
    const [made] = await readdir(draft);
    if (made === undefined) throw new Error(`npm made no tarball of ${path}`);
    const ending = ENDING.exec(made)?.[0] ?? ".tgz";
    const hash = createHash("sha256")
      .update(await readFile(join(draft, made)))
      .digest("hex")
      .slice(0, 12);
    const kept = join(folderOf(project), `${made.slice(0, -ending.length)}-${hash}${ending}`);
    await rename(join(draft, made), kept);
    return kept;
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
}

/** Removes what no dependency of the project names any more. */
export async function sweepTarballs(project: string, ranges: readonly string[]): Promise<void> {
  const names = await readdir(folderOf(project)).catch(() => []);
  const unused = names.filter((name) => !ranges.some((range) => range.endsWith(`packages/${name}`)));
  await Promise.all(unused.map((name) => rm(join(folderOf(project), name), { recursive: true, force: true })));
}
