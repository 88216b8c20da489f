/** What is on the disk, read the plain way: one lstat per entry, names as raw bytes, links never followed. */
import { type BigIntStats, lstatSync, readdirSync } from "node:fs";
import { wireName } from "./wire-name.ts";

/** One entry of a view or of a disk. Times are seconds since 1970. */
export interface TreeEntry {
  /** A view knows no more than these two; everything but a directory is a "file" there. */
  readonly kind: "directory" | "file";
  readonly size: number;
  readonly mtime: number;
  readonly ctime: number;
}

/** By path as on the wire; the root is "/". */
export type Tree = ReadonlyMap<string, TreeEntry>;

const SLASH = Buffer.from("/");
const NS_PER_S = 1_000_000_000n;

const seconds = (ns: bigint): number => Number(ns / NS_PER_S) + Number(ns % NS_PER_S) / 1e9;

function entryOf(stat: BigIntStats): TreeEntry {
  return {
    kind: stat.isDirectory() ? "directory" : "file",
    size: Number(stat.size),
    mtime: seconds(stat.mtimeNs),
    ctime: seconds(stat.ctimeNs),
  };
}

const isGone = (error: unknown): boolean =>
  error instanceof Error && "code" in error && (error.code === "ENOENT" || error.code === "ENOTDIR");

/** Entries that vanish while it reads are left out. */
export function readDisk(root: string): Tree {
  const tree = new Map<string, TreeEntry>();
  const open: { readonly path: Buffer; readonly wire: string }[] = [{ path: Buffer.from(root), wire: "" }];
  tree.set("/", entryOf(lstatSync(root, { bigint: true })));
  for (let folder = open.pop(); folder !== undefined; folder = open.pop()) {
    let names: Buffer[] = [];
    try {
      names = readdirSync(folder.path, { encoding: "buffer" });
    } catch (error) {
      if (!isGone(error)) throw error;
    }
    for (const name of names) {
      const path = Buffer.concat([folder.path, SLASH, name]);
      const wire = `${folder.wire}/${wireName(name)}`;
      try {
        const entry = entryOf(lstatSync(path, { bigint: true }));
        tree.set(wire, entry);
        if (entry.kind === "directory") open.push({ path, wire });
      } catch (error) {
        if (!isGone(error)) throw error;
      }
    }
  }
  return tree;
}
