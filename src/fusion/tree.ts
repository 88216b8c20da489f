import { detached } from "./detached-name.ts";
import { EntryCounts } from "./entry-counts.ts";
import {
  AUDIT_SKIPPED,
  DIRECTORY,
  EntryTable,
  NONE,
  ROOT,
  type TableDump,
  type TreeReader,
  UNANNOUNCED,
} from "./entry-table.ts";
import { LastDirectory } from "./last-directory.ts";
import { hashOf } from "./name-hash.ts";
import { NameIndex } from "./name-index.ts";

export { NONE, ROOT, type TableDump, type TreeReader } from "./entry-table.ts";

/**
 * The picture of one watched directory: entries as numbers, children in order of arrival, one hash index over (parent,
 * name) for all directories. Paths given to it are canonical ({@link canonicalPath}).
 *
 * The root always exists and is a directory. The tree does not decide which row counts: that is arbitration.
 */
export class FileTree extends EntryCounts {
  readonly #table = new EntryTable();
  readonly #index = new NameIndex(this.#table);
  readonly #lastDirectory = new LastDirectory();

  constructor() {
    super();
    this.reset();
  }

  /** Every id in use is at most this. */
  get highestId(): number {
    return this.#table.top;
  }

  isLive = (id: number): boolean => this.#table.isLive(id);
  nameOf = (id: number): string => this.#table.names[id] ?? "";
  parentOf = (id: number): number => this.#table.parents[id] as number;
  firstChildOf = (id: number): number => this.#table.firstChild[id] as number;
  nextSiblingOf = (id: number): number => this.#table.next[id] as number;
  sizeOf = (id: number): number => this.#table.sizes[id] as number;
  /** Seconds since 1970. */
  modifiedOf = (id: number): number => this.#table.modified[id] as number;
  /** Seconds since 1970. */
  createdOf = (id: number): number => this.#table.created[id] as number;
  isDirectory = (id: number): boolean => ((this.#table.flags[id] as number) & DIRECTORY) !== 0;
  /** The last audit could not list this directory. */
  isAuditSkipped = (id: number): boolean => ((this.#table.flags[id] as number) & AUDIT_SKIPPED) !== 0;
  /** Found by an audit or a scan on demand; no realtime row of it has come yet. */
  isUnannounced = (id: number): boolean => ((this.#table.flags[id] as number) & UNANNOUNCED) !== 0;
  /** The audit's note about this entry. */
  markOf = (id: number): number => this.#table.marks[id] as number;
  /** Monotonic seconds until which the entry counts as being written; 0 = not suspect. */
  suspectUntilOf = (id: number): number => this.#table.suspectUntil[id] as number;

  dump = (): TableDump => this.#table.dump();

  setMark(id: number, mark: number): void {
    this.#table.marks[id] = mark;
  }

  setSuspectUntil(id: number, monotonicSeconds: number): void {
    this.#table.suspectUntil[id] = monotonicSeconds;
  }

  setFacts(id: number, size: number, modified: number, created: number): void {
    if (!this.isDirectory(id)) this.countBytes(size - this.sizeOf(id));
    this.#table.sizes[id] = size;
    this.#table.modified[id] = modified;
    this.#table.created[id] = created;
  }

  setAuditSkipped(id: number, skipped: boolean): void {
    this.#setFlag(id, AUDIT_SKIPPED, skipped);
  }

  setUnannounced(id: number, unannounced: boolean): void {
    this.#setFlag(id, UNANNOUNCED, unannounced);
  }

  /** Empties the tree but for a root without facts. Open readers become invalid. */
  reset(): void {
    this.#table.reset();
    this.#index.clear();
    this.#lastDirectory.forget();
    this.#table.allocate(NONE, "", 0, DIRECTORY);
    this.countNothing();
    this.count(true);
  }

  /** The entry of a path, or {@link NONE}. */
  lookup(path: string): number {
    if (path === "/") return ROOT;
    const slash = path.lastIndexOf("/");
    const directory = this.#directoryOf(path, slash);
    return directory === NONE ? NONE : this.child(directory, path.slice(slash + 1));
  }

  child(directory: number, name: string): number {
    return this.#index.find(directory, name, hashOf(directory, name));
  }

  /**
   * The entry of a path, made when it is missing, with its directories (dated 0). An entry of the other kind at this
   * path is removed first, and so is a file in the place of a directory above. `name` is the last segment, if the
   * caller has it as a string of its own: a slice of the path would keep the whole path in memory.
   */
  ensure(path: string, directory: boolean, name: string): number {
    if (path === "/") return ROOT;
    const slash = path.lastIndexOf("/");
    const parent = this.#ensureDirectory(path, slash);
    const isLastSegment = name.length === path.length - slash - 1 && path.endsWith(name);
    return this.#ensureChild(parent, isLastSegment ? name : path.slice(slash + 1), directory, !isLastSegment);
  }

  /** Removes the entry and everything below it; the root stays. */
  remove(id: number): void {
    if (id === ROOT) return;
    this.#table.unlink(id);
    this.#lastDirectory.forget();
    const { parents, firstChild, next } = this.#table;
    // Children first and without recursion: a path may be thousands of levels deep.
    for (let at = id; ; ) {
      const child = firstChild[at] as number;
      if (child !== NONE) {
        at = child;
        continue;
      }
      const parent = parents[at] as number;
      const sibling = next[at] as number;
      this.#bury(at);
      if (at === id) return;
      if (sibling === NONE) firstChild[parent] = NONE;
      at = sibling === NONE ? parent : sibling;
    }
  }

  idsWhere(wanted: (id: number) => boolean): readonly number[] {
    const ids: number[] = [];
    for (let id = ROOT; id <= this.highestId; id++) if (wanted(id) && this.isLive(id)) ids.push(id);
    return ids;
  }

  pathOf(id: number): string {
    if (id === ROOT) return "/";
    let path = "";
    for (let at = id; at !== ROOT && at !== NONE; at = this.parentOf(at)) path = `/${this.nameOf(at)}${path}`;
    return path;
  }

  /**
   * While the reader is open no freed id is used again, so the caller may follow links over several turns. Close it
   * exactly once.
   */
  openReader(): TreeReader {
    return this.#table.openReader();
  }

  closeReader(reader: TreeReader): void {
    this.#table.closeReader(reader);
  }

  /** Makes the tree of a dump; the children of a directory then stand in the order of their ids. */
  restore(dump: TableDump): void {
    this.reset();
    this.#table.restore(dump);
    this.countNothing();
    for (let id = ROOT; id <= this.highestId; id++) {
      if (!this.isLive(id)) continue;
      if (id !== ROOT) this.#index.add(id);
      this.count(this.isDirectory(id));
      if (!this.isDirectory(id)) this.countBytes(this.sizeOf(id));
    }
  }

  #setFlag(id: number, flag: number, on: boolean): void {
    const flags = this.#table.flags[id] as number;
    this.#table.flags[id] = on ? flags | flag : flags & ~flag;
  }

  #directoryOf(path: string, slash: number): number {
    const last = this.#lastDirectory.find(path, slash);
    if (last !== undefined) return last;
    let at = ROOT;
    for (let from = 1; from < slash && at !== NONE; ) {
      const to = path.indexOf("/", from);
      at = this.child(at, path.slice(from, to));
      from = to + 1;
    }
    if (at === NONE || !this.isDirectory(at)) return NONE;
    this.#lastDirectory.remember(path, slash, at);
    return at;
  }

  #ensureDirectory(path: string, slash: number): number {
    const last = this.#lastDirectory.find(path, slash);
    if (last !== undefined) return last;
    let at = ROOT;
    for (let from = 1; from < slash; ) {
      const to = path.indexOf("/", from);
      at = this.#ensureChild(at, path.slice(from, to), true, true);
      from = to + 1;
    }
    this.#lastDirectory.remember(path, slash, at);
    return at;
  }

  #ensureChild(parent: number, name: string, directory: boolean, isSlice: boolean): number {
    const hash = hashOf(parent, name);
    const found = this.#index.find(parent, name, hash);
    if (found !== NONE) {
      if (this.isDirectory(found) === directory) return found;
      this.remove(found);
    }
    return this.#insert(parent, isSlice ? detached(name) : name, hash, directory);
  }

  #insert(parent: number, name: string, hash: number, directory: boolean): number {
    const id = this.#table.allocate(parent, name, hash, directory ? DIRECTORY : 0);
    this.#table.link(id);
    this.#index.add(id);
    this.count(directory);
    return id;
  }

  #bury(id: number): void {
    this.#index.remove(id);
    this.discount(this.isDirectory(id));
    if (!this.isDirectory(id)) this.countBytes(-this.sizeOf(id));
    this.#table.free(id);
  }
}
