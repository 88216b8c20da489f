/**
 * The convergence judge: rebuilds a tree from a source's changes alone and compares it with the disk.
 * Deleting a directory takes everything below it along, as the contract of `Change.isContainer` says.
 */
import { lstatSync, readdirSync } from "node:fs";
import type { Change, FsRow } from "../../../src/sdk/index.ts";

export interface Seen {
  readonly size: number;
  readonly mtime: number;
  readonly isDirectory: boolean;
}

export class EventJudge {
  readonly view = new Map<string, Seen>();
  changes = 0;

  load(row: FsRow): void {
    this.view.set(row.path, { size: row.size, mtime: row.modified_time, isDirectory: row.is_directory });
  }

  apply(change: Change): void {
    this.changes++;
    if (change.op !== "delete") {
      this.load(change.row as FsRow);
      return;
    }
    this.view.delete(change.key);
    if (!change.isContainer) return;
    const below = `${change.key}/`;
    for (const path of this.view.keys()) if (path.startsWith(below)) this.view.delete(path);
  }

  /** What differs from the disk, as lines; empty when equal. Names must be plain UTF-8. */
  differences(root: string): string[] {
    const disk = walk(root);
    const lines: string[] = [];
    for (const [path, entry] of disk) {
      const seen = this.view.get(path);
      if (seen === undefined) lines.push(`missing ${path}`);
      else if (seen.isDirectory !== entry.isDirectory) lines.push(`kind ${path}`);
      else if (seen.size !== entry.size) lines.push(`size ${path}: ${seen.size} instead of ${entry.size}`);
      else if (Math.abs(seen.mtime - entry.mtime) > 1e-6)
        lines.push(`mtime ${path}: ${seen.mtime} instead of ${entry.mtime}`);
    }
    for (const path of this.view.keys()) if (!disk.has(path)) lines.push(`ghost ${path}`);
    return lines;
  }
}

export function walk(root: string): Map<string, Seen> {
  const found = new Map<string, Seen>();
  const visit = (path: string, below: string): void => {
    const stat = lstatSync(path, { bigint: true, throwIfNoEntry: false });
    if (stat === undefined) return;
    found.set(below === "" ? "/" : below, {
      size: Number(stat.size),
      mtime: Number(stat.mtimeNs) / 1e9,
      isDirectory: stat.isDirectory(),
    });
    if (!stat.isDirectory()) return;
    for (const name of readdirSync(path)) visit(`${path}/${name}`, `${below}/${name}`);
  };
  visit(root, "");
  return found;
}
