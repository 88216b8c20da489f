/** A tree in memory that can be compared. */
import type { ComparableTree, Listing, ListOptions, TreeEntry } from "../../src/sdk/index.ts";

export class MemoryTree implements ComparableTree {
  /** Without the root. */
  readonly entries = new Map<string, TreeEntry>();
  readonly unknown = new Map<string, string>();
  /** Called before each listing. */
  onList: (path: string) => void = () => undefined;
  listings = 0;
  /** The most entries that one listing gave. */
  largest = 0;

  put(...entries: readonly TreeEntry[]): this {
    for (const entry of entries) this.entries.set(entry.path, entry);
    return this;
  }

  async list(path: string, { depth = Number.POSITIVE_INFINITY, limit = Number.POSITIVE_INFINITY, takes }: ListOptions) {
    this.listings++;
    this.onList(path);
    await Promise.resolve();
    const prefix = path === "/" ? "/" : `${path}/`;
    const self = path === "/" ? folderOf("/") : this.entries.get(path);
    const unknown = new Map([...this.unknown].filter(([at]) => at === path || at.startsWith(prefix)));
    const entries = [...this.entries.values()].filter((entry) => {
      if (!entry.path.startsWith(prefix) || !(takes?.(entry.path) ?? true)) return false;
      return entry.path.slice(prefix.length).split("/").length <= depth;
    });
    const tooMany = entries.length > limit;
    if (!tooMany) this.largest = Math.max(this.largest, entries.length);
    return { self, entries: tooMany ? [] : entries, tooMany, unknown, hasUnnamed: false } satisfies Listing;
  }

  close = (): Promise<void> => Promise.resolve();
}

export const folderOf = (path: string, modified = 1): TreeEntry => ({ path, directory: true, size: 4096, modified });
export const fileOf = (path: string, size = 1, modified = 1.5): TreeEntry => ({
  path,
  directory: false,
  size,
  modified,
});
