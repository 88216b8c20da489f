import type { EntryTable } from "./entry-table.ts";

const FIRST_SLOTS = 256;

/**
 * (parent, name) -> entry id for a whole tree in one array: open addressing with linear probing, four bytes a slot.
 *
 * A map per directory would cost ten times that. Id 0 stands for an empty slot. Removal shifts followers back, so there
 * are no grave marks and lookups stay short for ever.
 */
export class NameIndex {
  readonly #table: EntryTable;
  #slots = new Int32Array(FIRST_SLOTS);
  #mask = FIRST_SLOTS - 1;
  #used = 0;

  constructor(table: EntryTable) {
    this.#table = table;
  }

  /** The entry of that name in that directory, or 0. */
  find(parent: number, name: string, hash: number): number {
    const { hashes, parents, names } = this.#table;
    for (let slot = hash & this.#mask; ; slot = (slot + 1) & this.#mask) {
      const id = this.#slots[slot] as number;
      if (id === 0) return 0;
      if (hashes[id] === hash && parents[id] === parent && names[id] === name) return id;
    }
  }

  /** The entry must not be in the index yet; its columns must be filled already. */
  add(id: number): void {
    if ((this.#used + 1) * 4 > this.#slots.length * 3) this.#grow();
    this.#place(id);
    this.#used++;
  }

  /** The entry must be in the index. */
  remove(id: number): void {
    const { hashes } = this.#table;
    let hole = (hashes[id] as number) & this.#mask;
    while (this.#slots[hole] !== id) hole = (hole + 1) & this.#mask;
    for (let slot = (hole + 1) & this.#mask; ; slot = (slot + 1) & this.#mask) {
      const follower = this.#slots[slot] as number;
      if (follower === 0) break;
      const home = (hashes[follower] as number) & this.#mask;
      // The follower may move into the hole unless its home lies cyclically behind the hole.
      if (((slot - home) & this.#mask) < ((slot - hole) & this.#mask)) continue;
      this.#slots[hole] = follower;
      hole = slot;
    }
    this.#slots[hole] = 0;
    this.#used--;
  }

  clear(): void {
    this.#slots = new Int32Array(FIRST_SLOTS);
    this.#mask = FIRST_SLOTS - 1;
    this.#used = 0;
  }

  #place(id: number): void {
    let slot = (this.#table.hashes[id] as number) & this.#mask;
    while (this.#slots[slot] !== 0) slot = (slot + 1) & this.#mask;
    this.#slots[slot] = id;
  }

  #grow(): void {
    const old = this.#slots;
    this.#slots = new Int32Array(old.length * 2);
    this.#mask = this.#slots.length - 1;
    for (const id of old) if (id !== 0) this.#place(id);
  }
}
