/**
 * What the bucket held at the last listing, and since which generation each part of it is as it is. A generation is one
 * listing, whether it came to its end or not. What has changed since some generation can be read at any time, so no
 * queue is needed, and a restart goes on where the receiver is. Pure.
 */
import { hashOf } from "./hash.ts";
import { besideDirectory, directoryOf, isFileKey, keyOfPath, pathOfKey } from "./keys.ts";
import type { Listed } from "./list-page.ts";

/** Deletes that are kept for receivers that are behind. */
const KEPT_DELETES = 100_000;
const FIRST_SLOTS = 1024;

export interface Facts {
  readonly size: number;
  readonly modifiedMs: number;
  /** Of the ETag. */
  readonly hash: number;
}

export const factsOf = ({ size, modifiedMs, etag }: Listed): Facts => ({ size, modifiedMs, hash: hashOf(etag) });

const isSame = (one: Facts, other: Facts): boolean =>
  one.size === other.size && one.modifiedMs === other.modifiedMs && one.hash === other.hash;

/** A directory: there because of what lies in it, or of an object whose key ends with a slash. */
export interface Directory {
  entries: number;
  generation: number;
  modifiedMs: number;
  marker: Facts | undefined;
}

export interface Shown {
  /** The directory that it lies in, or that it stands for. */
  readonly directory: string;
  /** Undefined for an object that stands for a directory. */
  readonly path: string | undefined;
}

export interface Deleted {
  readonly generation: number;
  readonly isDirectory: boolean;
}

const grown = (array: Float64Array, length: number): Float64Array<ArrayBuffer> => {
  const larger = new Float64Array(length);
  larger.set(array);
  return larger;
};

export class Model {
  /** Paths with directories before what lies in them; "" is the root. */
  readonly directories = new Map<string, Directory>([["", newDirectory(0, 0)]]);
  /** By path, the oldest first. */
  readonly deleted = new Map<string, Deleted>();
  /** Keys by slot; a free slot holds undefined. */
  readonly keys: (string | undefined)[] = [];
  /** Deletes up to this generation may have been forgotten. */
  floor = 0;
  /** The last generation in which anything changed. */
  last = 0;
  readonly #slots = new Map<string, number>();
  #free: number[] = [];
  #sizes = new Float64Array(FIRST_SLOTS);
  #times = new Float64Array(FIRST_SLOTS);
  #hashes = new Float64Array(FIRST_SLOTS);
  #generations = new Float64Array(FIRST_SLOTS);
  #seen = new Float64Array(FIRST_SLOTS);

  get objects(): number {
    return this.#slots.size;
  }

  generationOf(slot: number): number {
    return this.#generations[slot] ?? 0;
  }

  facts(slot: number): Facts {
    return {
      size: this.#sizes[slot] ?? 0,
      modifiedMs: this.#times[slot] ?? 0,
      hash: this.#hashes[slot] ?? 0,
    };
  }

  /** Where the object of a slot is shown; undefined for a free slot. */
  shown(slot: number): Shown | undefined {
    const key = this.keys[slot];
    if (key === undefined) return undefined;
    const { path, isDirectory } = pathOfKey(key);
    if (isDirectory) return { directory: path === "/" ? "" : path, path: undefined };
    return { directory: directoryOf(path), path: this.directories.has(path) ? besideDirectory(path) : path };
  }

  /** Whether an object is otherwise than it was listed last. */
  differs(key: string, facts: Facts): boolean {
    const slot = this.#slots.get(key);
    return slot === undefined || !isSame(this.facts(slot), facts);
  }

  /** Whether the object of this key is there, at this path. */
  isShown(path: string, key: string): boolean {
    const slot = this.#slots.get(key);
    return slot !== undefined && this.shown(slot)?.path === path;
  }

  /** A listing has this object. True when that is news. */
  put(key: string, facts: Facts, generation: number, round: number): boolean {
    const slot = this.#slots.get(key);
    if (slot === undefined) {
      this.#insert(key, facts, generation, round);
      this.last = Math.max(this.last, generation);
      return true;
    }
    this.#seen[slot] = round;
    if (isSame(this.facts(slot), facts)) return false;
    this.last = Math.max(this.last, generation);
    this.#set(slot, facts, generation);
    const { path, isDirectory } = pathOfKey(key);
    if (isDirectory) this.#mark(path, facts, generation);
    return true;
  }

  #set(slot: number, { size, modifiedMs, hash }: Facts, generation: number): void {
    this.#sizes[slot] = size;
    this.#times[slot] = modifiedMs;
    this.#hashes[slot] = hash;
    this.#generations[slot] = generation;
  }

  #insert(key: string, facts: Facts, generation: number, round: number): void {
    const slot = this.#free.pop() ?? this.keys.length;
    if (slot >= this.#sizes.length) this.#grow();
    this.keys[slot] = key;
    this.#slots.set(key, slot);
    this.#seen[slot] = round;
    this.#set(slot, facts, generation);
    const { path, isDirectory } = pathOfKey(key);
    if (isDirectory) this.#mark(path, facts, generation);
    else this.#enter(directoryOf(path), facts, generation);
  }

  #grow(): void {
    const length = this.#sizes.length * 2;
    this.#sizes = grown(this.#sizes, length);
    this.#times = grown(this.#times, length);
    this.#hashes = grown(this.#hashes, length);
    this.#generations = grown(this.#generations, length);
    this.#seen = grown(this.#seen, length);
  }

  /** Something more lies in the directory. */
  #enter(path: string, facts: Facts, generation: number): void {
    const found = this.directories.get(path);
    if (found !== undefined) {
      found.entries++;
      return;
    }
    this.#enter(directoryOf(path), facts, generation);
    this.#moveObject(path, path, generation);
    this.directories.set(path, { ...newDirectory(generation, facts.modifiedMs), entries: 1 });
  }

  #leave(path: string, generation: number): void {
    const found = this.directories.get(path);
    if (found === undefined) return;
    found.entries--;
    if (found.entries > 0 || path === "") return;
    this.directories.delete(path);
    this.#bury(path, { generation, isDirectory: true });
    this.#moveObject(path, besideDirectory(path), generation);
    this.#leave(directoryOf(path), generation);
  }

  /** An object that has the name of a directory is shown elsewhere from now on. */
  #moveObject(path: string, shownAt: string, generation: number): void {
    const key = keyOfPath(path);
    const slot = key === undefined || !isFileKey(key) ? undefined : this.#slots.get(key);
    if (slot === undefined) return;
    // Lines of an index that was written anew do not come in the order of their generations.
    this.#generations[slot] = Math.max(generation, this.generationOf(slot));
    this.#bury(shownAt, { generation, isDirectory: false });
  }

  #mark(path: string, marker: Facts, generation: number): void {
    const name = path === "/" ? "" : path;
    const found = this.directories.get(name);
    if (found?.marker === undefined) this.#enter(name, marker, generation);
    const directory = this.directories.get(name);
    if (directory === undefined) return;
    directory.marker = marker;
    directory.generation = Math.max(generation, directory.generation);
  }

  /** The object is gone. */
  remove(key: string, generation: number): void {
    const slot = this.#slots.get(key);
    if (slot === undefined) return;
    const { path, isDirectory } = pathOfKey(key);
    const shownAt = this.shown(slot)?.path;
    this.last = Math.max(this.last, generation);
    this.#slots.delete(key);
    this.keys[slot] = undefined;
    this.#free.push(slot);
    if (!isDirectory) {
      this.#bury(shownAt ?? path, { generation, isDirectory: false });
      this.#leave(directoryOf(path), generation);
      return;
    }
    const name = path === "/" ? "" : path;
    const directory = this.directories.get(name);
    if (directory === undefined) return;
    directory.marker = undefined;
    directory.generation = generation;
    this.#leave(name, generation);
  }

  #bury(path: string, deleted: Deleted): void {
    this.deleted.delete(path);
    this.deleted.set(path, deleted);
  }

  /** Keys that the listing of this round did not have; each may be removed at once. */
  *missing(round: number): Generator<string, void, undefined> {
    for (const [key, slot] of this.#slots) if (this.#seen[slot] !== round) yield key;
  }

  /** What a new index is made of: objects as they are, without the deletes that putting them in would leave. */
  restored(deleted: ReadonlyMap<string, Deleted>): void {
    this.deleted.clear();
    for (const [path, facts] of deleted) this.deleted.set(path, facts);
  }

  /** Keys that part the bucket into so many pieces of about the same length. */
  boundaries(pieces: number, compare: (one: string, other: string) => number): string[] {
    const step = Math.max(1, Math.floor(this.keys.length / (pieces * 50)));
    const sample: string[] = [];
    for (let slot = 0; slot < this.keys.length; slot += step) {
      const key = this.keys[slot];
      if (key !== undefined) sample.push(key);
    }
    sample.sort(compare);
    const picked = Array.from(
      { length: pieces - 1 },
      (_, at) => sample[Math.floor(((at + 1) * sample.length) / pieces)] ?? "",
    );
    return [...new Set(picked)].filter((key) => key !== "");
  }

  /** Forgets deletes that are older than what the stream has handed over, the oldest first. */
  forgetDeletes(handedOver: number): void {
    for (const [path, { generation }] of this.deleted) {
      if (this.deleted.size <= KEPT_DELETES || generation > handedOver) break;
      this.deleted.delete(path);
      this.floor = Math.max(this.floor, generation);
    }
  }
}

const newDirectory = (generation: number, modifiedMs: number): Directory => ({
  entries: 0,
  generation,
  modifiedMs,
  marker: undefined,
});
