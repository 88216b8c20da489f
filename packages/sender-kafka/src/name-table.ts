/** Names of nodes below their parents: the bytes in one buffer, and a hash table of chains over them. */

/** Bytes of names that are gone, from which on the others are moved together. */
const WASTE = 1 << 20;
export const LONGEST_NAME = 0xffff;

export class NameTable {
  #bytes = Buffer.alloc(1 << 16);
  #used = 0;
  #wasted = 0;
  #count = 0;
  /** The first node of each chain. Their number is a power of 2. */
  #heads = new Uint32Array(1024);
  #chain = new Uint32Array(1024);
  #parent = new Uint32Array(1024);
  #hash = new Uint32Array(1024);
  #at = new Uint32Array(1024);
  #length = new Uint16Array(1024);
  /** The name that is asked for. */
  readonly #scratch = Buffer.alloc(LONGEST_NAME);

  /** 0 when the parent has no such child. */
  find(parent: number, name: string): number {
    const length = this.#scratch.write(name, "utf8");
    const hash = this.#hashOf(parent, length);
    let node = this.#heads[this.#slotOf(hash)] ?? 0;
    while (node !== 0 && !this.#is(node, hash, parent, length)) node = this.#chain[node] ?? 0;
    return node;
  }

  /** 0: of a node that is not in the table. */
  parentOf(node: number): number {
    return this.#parent[node] ?? 0;
  }

  nameOf(node: number): string {
    const at = this.#at[node] ?? 0;
    return this.#bytes.toString("utf8", at, at + (this.#length[node] ?? 0));
  }

  /** It is not there yet. */
  add(node: number, parent: number, name: string): void {
    const length = this.#scratch.write(name, "utf8");
    if (node >= this.#chain.length) this.#grow();
    if (this.#used + length > this.#bytes.length) this.#bytes = this.#enlarged(length);
    this.#scratch.copy(this.#bytes, this.#used, 0, length);
    this.#parent[node] = parent;
    this.#hash[node] = this.#hashOf(parent, length);
    this.#at[node] = this.#used;
    this.#length[node] = length;
    this.#used += length;
    this.#enter(node);
    if (++this.#count > this.#heads.length) this.#rehash();
  }

  drop(node: number): void {
    const slot = this.#slotOf(this.#hash[node] ?? 0);
    const after = this.#chain[node] ?? 0;
    let each = this.#heads[slot] ?? 0;
    if (each === node) this.#heads[slot] = after;
    else {
      while (this.#chain[each] !== node) each = this.#chain[each] ?? 0;
      this.#chain[each] = after;
    }
    this.#wasted += this.#length[node] ?? 0;
    this.#parent[node] = 0;
    this.#length[node] = 0;
    this.#count--;
    if (this.#wasted > WASTE && this.#wasted > this.#used / 2) this.#moveTogether();
  }

  #slotOf(hash: number): number {
    return hash & (this.#heads.length - 1);
  }

  #hashOf(parent: number, length: number): number {
    let hash = Math.imul(parent, 0x9e3779b1);
    for (let at = 0; at < length; at++) hash = Math.imul(hash ^ (this.#scratch[at] ?? 0), 0x01000193);
    return (hash ^ (hash >>> 16)) >>> 0;
  }

  #is(node: number, hash: number, parent: number, length: number): boolean {
    if (this.#hash[node] !== hash || this.#parent[node] !== parent || this.#length[node] !== length) return false;
    const at = this.#at[node] ?? 0;
    for (let each = 0; each < length; each++) {
      if (this.#bytes[at + each] !== this.#scratch[each]) return false;
    }
    return true;
  }

  #enter(node: number): void {
    const slot = this.#slotOf(this.#hash[node] ?? 0);
    this.#chain[node] = this.#heads[slot] ?? 0;
    this.#heads[slot] = node;
  }

  #rehash(): void {
    this.#heads = new Uint32Array(this.#heads.length * 2);
    for (let node = 1; node < this.#parent.length; node++) if (this.#parent[node] !== 0) this.#enter(node);
  }

  #grow(): void {
    const larger = (column: Uint32Array<ArrayBuffer>): Uint32Array<ArrayBuffer> => {
      const grown = new Uint32Array(column.length * 2);
      grown.set(column);
      return grown;
    };
    this.#chain = larger(this.#chain);
    this.#parent = larger(this.#parent);
    this.#hash = larger(this.#hash);
    this.#at = larger(this.#at);
    const lengths = new Uint16Array(this.#length.length * 2);
    lengths.set(this.#length);
    this.#length = lengths;
  }

  #enlarged(more: number): Buffer<ArrayBuffer> {
    const grown = Buffer.alloc(Math.max(this.#bytes.length * 2, this.#used + more));
    this.#bytes.copy(grown, 0, 0, this.#used);
    return grown;
  }

  #moveTogether(): void {
    const kept = Buffer.alloc(Math.max(1 << 16, (this.#used - this.#wasted) * 2));
    let used = 0;
    for (let node = 1; node < this.#parent.length; node++) {
      const at = this.#at[node] ?? 0;
      const length = this.#length[node] ?? 0;
      if (length === 0) continue;
      this.#bytes.copy(kept, used, at, at + length);
      this.#at[node] = used;
      used += length;
    }
    this.#bytes = kept;
    this.#used = used;
    this.#wasted = 0;
  }
}
