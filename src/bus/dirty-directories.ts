/**
 * Where a far side may be wrong: directories whose own row and list of children have to be told again.
 *
 * This is what becomes of changes that are too many to be kept one by one. A change marks
 *
 *   - the directory itself, when it tells of one that exists: it may be new, with another one's children at the far side;
 *   - otherwise the directory that its key lies in: a file that exists, anything that was deleted, with all that was below it.
 *
 * So a directory that was made meanwhile is marked, and so is every one in it, for each was told of by a change of its own. One that is
 * gone needs nothing: the delete of it, or of what it lay in, has marked the next directory above.
 *
 * The bound counts directories. Beyond it everything is wrong, which is the root of the tree in so many words.
 */
import type { Change } from "../sdk/index.ts";
import { parentKey } from "./key-path.ts";

/** Directories that a pipe or its place in the queue remembers. */
export const MOST_DIRTY = 20_000;

export class DirtyDirectories {
  readonly #limit: number;
  #directories = new Set<string>();

  constructor(limit: number) {
    this.#limit = limit;
  }

  get size(): number {
    return this.#directories.size;
  }

  /** False when it cannot be told by directories any more: everything is wrong then, and nothing is kept. */
  mark(change: Pick<Change, "op" | "key" | "isContainer">): boolean {
    const isDirectory = change.isContainer && change.op !== "delete";
    const directory = isDirectory ? change.key : parentKey(change.key);
    return directory === undefined ? this.#giveUp() : this.add(directory);
  }

  /** As {@link mark}, for a directory. */
  add(directory: string): boolean {
    if (!this.#directories.has(directory) && this.#directories.size >= this.#limit) return this.#giveUp();
    this.#directories.add(directory);
    return true;
  }

  /** All of them, a directory before those in it; nothing is left. */
  takeAll(): string[] {
    const taken = [...this.#directories].sort();
    this.#directories = new Set();
    return taken;
  }

  #giveUp(): false {
    this.#directories = new Set();
    return false;
  }
}
