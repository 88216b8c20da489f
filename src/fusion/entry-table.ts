import { hashOf } from "./name-hash.ts";

/** The root's id; {@link NONE} is "no such entry". */
export const ROOT = 1;
export const NONE = 0;

export const DIRECTORY = 1;
export const AUDIT_SKIPPED = 2;
export const FREED = 4;
export const UNANNOUNCED = 8;

const FIRST_CAPACITY = 256;

/** How many freed entries readers may hold back beyond the number of live ones; then the readers become invalid. */
const MOST_HELD_BACK = 65_536;

/** A reader that follows the links over several turns of the event loop. */
export interface TreeReader {
  /** False once the table was emptied or has changed too much: then the reader's ids are worthless. */
  valid: boolean;
}

/** The columns that a checkpoint holds. */
export const KEPT_COLUMNS = ["parents", "sizes", "modified", "created", "flags", "marks", "suspectUntil"] as const;

export type KeptColumns = Pick<EntryTable, (typeof KEPT_COLUMNS)[number]>;

export interface TableDump {
  readonly columns: KeptColumns;
  /** By id, the unused id 0 among them. */
  readonly names: string[];
}

/**
 * The entries of one tree as columns of numbers: an entry is an index, about 60 bytes plus its name.
 *
 * As JavaScript objects a million entries would take three times that and keep the garbage collector busy. Ids freed
 * while a reader is open are given out again only when the last reader has left; until then a freed entry keeps its
 * links, which lead the reader back into the living part. When more entries are held back for readers than the table
 * has, the readers were too slow.
 */
export class EntryTable {
  parents = new Int32Array(FIRST_CAPACITY);
  firstChild = new Int32Array(FIRST_CAPACITY);
  lastChild = new Int32Array(FIRST_CAPACITY);
  next = new Int32Array(FIRST_CAPACITY);
  previous = new Int32Array(FIRST_CAPACITY);
  hashes = new Int32Array(FIRST_CAPACITY);
  sizes = new Float64Array(FIRST_CAPACITY);
  /** Seconds since 1970. */
  modified = new Float64Array(FIRST_CAPACITY);
  /** Seconds since 1970. */
  created = new Float64Array(FIRST_CAPACITY);
  flags = new Uint8Array(FIRST_CAPACITY);
  /** The audit's note. */
  marks = new Uint32Array(FIRST_CAPACITY);
  /** Monotonic seconds until which the entry counts as being written; 0 = not suspect. */
  suspectUntil = new Float32Array(FIRST_CAPACITY);
  names: string[] = [];
  /** The highest id in use so far. */
  top = NONE;
  #free = NONE;
  #graveyard: number[] = [];
  readonly #readers = new Set<TreeReader>();

  /** A fresh id with zero in every column but the ones given. */
  allocate(parent: number, name: string, hash: number, flags: number): number {
    let id = this.#free;
    if (id !== NONE) this.#free = this.next[id] as number;
    else {
      id = ++this.top;
      if (id >= this.parents.length) this.#grow();
    }
    this.parents[id] = parent;
    this.firstChild[id] = NONE;
    this.lastChild[id] = NONE;
    this.next[id] = NONE;
    this.previous[id] = NONE;
    this.hashes[id] = hash;
    this.sizes[id] = 0;
    this.modified[id] = 0;
    this.created[id] = 0;
    this.flags[id] = flags;
    this.marks[id] = 0;
    this.suspectUntil[id] = 0;
    this.names[id] = name;
    return id;
  }

  /** Behind the other children of its parent. */
  link(id: number): void {
    const parent = this.parents[id] as number;
    const last = this.lastChild[parent] as number;
    if (last === NONE) this.firstChild[parent] = id;
    else this.next[last] = id;
    this.previous[id] = last;
    this.lastChild[parent] = id;
  }

  /** Out of the children of its parent; its own links stay for readers that stand at it. */
  unlink(id: number): void {
    const parent = this.parents[id] as number;
    const before = this.previous[id] as number;
    const after = this.next[id] as number;
    if (before === NONE) this.firstChild[parent] = after;
    else this.next[before] = after;
    if (after === NONE) this.lastChild[parent] = before;
    else this.previous[after] = before;
  }

  free(id: number): void {
    this.flags[id] = FREED;
    if (this.#readers.size === 0) {
      this.#recycle(id);
      return;
    }
    this.#graveyard.push(id);
    if (this.#graveyard.length > MOST_HELD_BACK && this.#graveyard.length * 2 > this.top) this.#giveUpReaders();
  }

  isLive(id: number): boolean {
    return id <= this.top && ((this.flags[id] as number) & FREED) === 0;
  }

  reset(): void {
    for (const reader of this.#readers) reader.valid = false;
    this.#readers.clear();
    this.#graveyard = [];
    this.#free = NONE;
    this.top = NONE;
    this.names = [""];
    this.#resize(FIRST_CAPACITY, 0);
  }

  /** Copies of the columns that cannot be made from others, and of the names. Links and hashes are not among them. */
  dump(): TableDump {
    const end = this.top + 1;
    const columns = Object.fromEntries(KEPT_COLUMNS.map((name) => [name, this[name].slice(0, end)]));
    return { columns: columns as unknown as KeptColumns, names: this.names.slice(0, end) };
  }

  /** Links and hashes are made anew. Throws for an entry that lies in no directory. */
  restore({ columns, names }: TableDump): void {
    this.reset();
    this.#resize(Math.max(FIRST_CAPACITY, names.length), 0);
    for (const name of KEPT_COLUMNS) this[name].set(columns[name]);
    this.names = names;
    this.top = names.length - 1;
    for (let id = ROOT; id <= this.top; id++) if (this.isLive(id)) this.#takeUp(id);
    for (let id = this.top; id > ROOT; id--) if (!this.isLive(id)) this.#recycle(id);
  }

  #takeUp(id: number): void {
    if (id === ROOT) return;
    const parent = this.parents[id] as number;
    if (!this.isLive(parent) || ((this.flags[parent] as number) & DIRECTORY) === 0) {
      throw new Error(`entry ${id} lies in no directory`);
    }
    this.hashes[id] = hashOf(parent, this.names[id] ?? "");
    this.link(id);
  }

  openReader(): TreeReader {
    const reader = { valid: true };
    this.#readers.add(reader);
    return reader;
  }

  closeReader(reader: TreeReader): void {
    if (!this.#readers.delete(reader) || this.#readers.size > 0) return;
    for (const id of this.#graveyard) this.#recycle(id);
    this.#graveyard = [];
  }

  #giveUpReaders(): void {
    for (const reader of this.#readers) reader.valid = false;
    this.#readers.clear();
    for (const id of this.#graveyard) this.#recycle(id);
    this.#graveyard = [];
  }

  #recycle(id: number): void {
    this.names[id] = "";
    this.next[id] = this.#free;
    this.#free = id;
  }

  #grow(): void {
    this.#resize(Math.ceil(this.parents.length * 1.5), this.parents.length);
  }

  #resize(capacity: number, keep: number): void {
    this.parents = copied(new Int32Array(capacity), this.parents, keep);
    this.firstChild = copied(new Int32Array(capacity), this.firstChild, keep);
    this.lastChild = copied(new Int32Array(capacity), this.lastChild, keep);
    this.next = copied(new Int32Array(capacity), this.next, keep);
    this.previous = copied(new Int32Array(capacity), this.previous, keep);
    this.hashes = copied(new Int32Array(capacity), this.hashes, keep);
    this.sizes = copied(new Float64Array(capacity), this.sizes, keep);
    this.modified = copied(new Float64Array(capacity), this.modified, keep);
    this.created = copied(new Float64Array(capacity), this.created, keep);
    this.flags = copied(new Uint8Array(capacity), this.flags, keep);
    this.marks = copied(new Uint32Array(capacity), this.marks, keep);
    this.suspectUntil = copied(new Float32Array(capacity), this.suspectUntil, keep);
  }
}

type Column =
  | Int32Array<ArrayBuffer>
  | Uint32Array<ArrayBuffer>
  | Uint8Array<ArrayBuffer>
  | Float64Array<ArrayBuffer>
  | Float32Array<ArrayBuffer>;

function copied<T extends Column>(target: T, source: T, keep: number): T {
  target.set(source.subarray(0, keep));
  return target;
}
