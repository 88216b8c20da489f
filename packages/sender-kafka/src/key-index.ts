/**
 * The keys that a topic holds, as a tree of their segments: which lie below a directory, and what the topic has of each.
 *
 * Everything lies in columns of numbers and one buffer of names, outside of the heap: about 60 bytes an entry. A node is
 * a number. It stays what it is until {@link KeyIndex.remove}.
 */
import type { Fingerprint } from "./fingerprint.ts";
import { NameTable } from "./name-table.ts";

/** What is known of a node, as bits. */
export const Mark = {
  /** The topic holds a value of the key, or may. */
  live: 1,
  /** A row of it came since the snapshot that goes on began. */
  toldInSnapshot: 2,
  /** The same for the audit. */
  toldInAudit: 4,
  /** The audit tells all children of this directory. */
  listed: 8,
  /** The value in the topic is of no agent. */
  foreign: 16,
} as const;

/** `/`, and what everything else begins below: keys without a slash in front. */
const ROOT = 1;
const BARE = 2;
const FIRST = 3;

export class KeyIndex {
  readonly #names = new NameTable();
  #capacity = 1024;
  #top = FIRST;
  /** Freed nodes, chained by `#next`. */
  #free = 0;
  #size = 0;
  #first = new Uint32Array(this.#capacity);
  #next = new Uint32Array(this.#capacity);
  #previous = new Uint32Array(this.#capacity);
  #low = new Uint32Array(this.#capacity);
  #high = new Uint32Array(this.#capacity);
  #marks = new Uint8Array(this.#capacity);
  /** Rows come directory by directory: the last one asked for. */
  #lastFolder = "";
  #lastNode = 0;

  /** Keys that are live. */
  get size(): number {
    return this.#size;
  }

  /** 0 when there is none. */
  find(key: string): number {
    if (key === "/") return ROOT;
    const [folder, name] = partsOf(key);
    const parent = this.#folder(folder, false);
    return parent === 0 ? 0 : this.#names.find(parent, name);
  }

  /** Makes it live. */
  put(key: string): number {
    const node = this.#place(key);
    if (((this.#marks[node] ?? 0) & Mark.live) === 0) {
      this.#size++;
      this.#marks[node] = (this.#marks[node] ?? 0) | Mark.live;
    }
    return node;
  }

  keyOf(node: number): string {
    if (node === ROOT) return "/";
    let key = this.#names.nameOf(node);
    for (let above = this.#names.parentOf(node); above !== BARE; above = this.#names.parentOf(above)) {
      if (above === ROOT) return `/${key}`;
      key = `${this.#names.nameOf(above)}/${key}`;
    }
    return key;
  }

  has(node: number, mark: number): boolean {
    return ((this.#marks[node] ?? 0) & mark) !== 0;
  }

  mark(node: number, mark: number): void {
    this.#marks[node] = (this.#marks[node] ?? 0) | mark;
  }

  unmark(node: number, mark: number): void {
    this.#marks[node] = (this.#marks[node] ?? 0) & ~mark;
  }

  /** A live one that has a mark. 0: none. */
  anyWith(mark: number): number {
    for (let node = ROOT; node < this.#top; node++) {
      if (this.has(node, mark) && this.has(node, Mark.live)) return node;
    }
    return 0;
  }

  clear(mark: number): void {
    for (let node = ROOT; node < this.#top; node++) this.#marks[node] = (this.#marks[node] ?? 0) & ~mark;
  }

  hasChildren(node: number): boolean {
    return this.#first[node] !== 0;
  }

  holds(node: number, { low, high }: Fingerprint): boolean {
    return this.#low[node] === low && this.#high[node] === high;
  }

  learn(node: number, { low, high }: Fingerprint): void {
    this.#low[node] = low;
    this.#high[node] = high;
  }

  /** What the topic has of it is not known. */
  doubt(node: number): void {
    this.#low[node] = 0;
    this.#high[node] = 0;
  }

  /** The topic does not hold it any more. */
  remove(node: number): void {
    if (this.has(node, Mark.live)) this.#size--;
    this.#marks[node] = 0;
    this.doubt(node);
    this.#lastFolder = "";
    this.#lastNode = 0;
    for (let each = node; each >= FIRST && this.#first[each] === 0 && !this.has(each, Mark.live); ) {
      const above = this.#names.parentOf(each);
      this.#unlink(each);
      each = above;
    }
  }

  /** The live ones at and below a node. */
  below(top: number, into: number[] = []): number[] {
    let node = top;
    for (;;) {
      if (this.has(node, Mark.live)) into.push(node);
      let onward = this.#first[node] ?? 0;
      while (onward === 0 && node !== top) {
        onward = this.#next[node] ?? 0;
        if (onward === 0) node = this.#names.parentOf(node);
      }
      if (onward === 0) return into;
      node = onward;
    }
  }

  /** The live ones that lack a mark. */
  without(mark: number): number[] {
    const found: number[] = [];
    for (let node = ROOT; node < this.#top; node++) {
      if (((this.#marks[node] ?? 0) & (mark | Mark.live)) === Mark.live) found.push(node);
    }
    return found;
  }

  /** The live ones that lie at or below a child of a listed directory which the audit did not tell. */
  unlisted(): number[] {
    const found = new Set<number>();
    for (let node = FIRST; node < this.#top; node++) {
      const parent = this.#names.parentOf(node);
      if (parent === 0 || !this.has(parent, Mark.listed) || this.has(node, Mark.toldInAudit)) continue;
      for (const each of this.below(node)) found.add(each);
    }
    return [...found];
  }

  #place(key: string): number {
    if (key === "/") return ROOT;
    const [folder, name] = partsOf(key);
    const parent = this.#folder(folder, true);
    const known = this.#names.find(parent, name);
    return known === 0 ? this.#link(parent, name) : known;
  }

  /** The node of what lies above a key; 0 when there is none and none is made. */
  #folder(folder: string | undefined, make: boolean): number {
    if (folder === undefined) return BARE;
    if (folder === "") return ROOT;
    if (folder === this.#lastFolder) return this.#lastNode;
    const node = make ? this.#place(folder) : this.find(folder);
    if (node !== 0) {
      this.#lastFolder = folder;
      this.#lastNode = node;
    }
    return node;
  }

  #link(parent: number, name: string): number {
    const node = this.#fresh();
    const first = this.#first[parent] ?? 0;
    this.#first[node] = 0;
    this.#previous[node] = 0;
    this.#next[node] = first;
    if (first !== 0) this.#previous[first] = node;
    this.#first[parent] = node;
    this.#marks[node] = 0;
    this.doubt(node);
    this.#names.add(node, parent, name);
    return node;
  }

  #unlink(node: number): void {
    const parent = this.#names.parentOf(node);
    const [previous, next] = [this.#previous[node] ?? 0, this.#next[node] ?? 0];
    if (previous === 0) this.#first[parent] = next;
    else this.#next[previous] = next;
    if (next !== 0) this.#previous[next] = previous;
    this.#names.drop(node);
    this.#next[node] = this.#free;
    this.#free = node;
  }

  #fresh(): number {
    if (this.#free !== 0) {
      const node = this.#free;
      this.#free = this.#next[node] ?? 0;
      return node;
    }
    if (this.#top === this.#capacity) this.#grow();
    return this.#top++;
  }

  #grow(): void {
    this.#capacity *= 2;
    const grown = (column: Uint32Array<ArrayBuffer>): Uint32Array<ArrayBuffer> => {
      const larger = new Uint32Array(this.#capacity);
      larger.set(column);
      return larger;
    };
    this.#first = grown(this.#first);
    this.#next = grown(this.#next);
    this.#previous = grown(this.#previous);
    this.#low = grown(this.#low);
    this.#high = grown(this.#high);
    const marks = new Uint8Array(this.#capacity);
    marks.set(this.#marks);
    this.#marks = marks;
  }
}

/** What lies above (undefined: nothing, "": the root) and the last segment. */
function partsOf(key: string): readonly [folder: string | undefined, name: string] {
  const at = key.lastIndexOf("/");
  // Such keys are no paths: each stands for itself.
  if (at < 0 || key.startsWith("//")) return [undefined, key];
  return [key.slice(0, at), key.slice(at + 1)];
}
