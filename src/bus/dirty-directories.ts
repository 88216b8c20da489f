/**
 * Directories in which the receiver may be wrong: the pipe has to send their own rows and those of their children
 * again.
 *
 * A cursor keeps these when there are too many changes to keep one by one. A change marks
 *
 *   - the directory itself, when the change is that of a directory which exists: it may be new, and the receiver may
 *     hold another directory's children there;
 *   - otherwise the directory that its key lies in: a file that exists or was deleted.
 *
 * So a directory that was made meanwhile is marked, and so is every directory in it, because each came with a change of
 * its own. The delete of a directory needs no mark: the backlog keeps it ({@link CoalescedBacklog}), and it goes out
 * before these directories are read.
 *
 * The bound counts directories. Beyond it nothing is kept, and the pipe has to send everything again.
 */
import type { Change } from "../sdk/index.ts";
import { parentKey } from "../sdk/parent-key.ts";

/** How many directories a pipe, or its cursor, remembers. */
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

  /** False when the change cannot be kept as a directory: then nothing is kept, and everything has to be sent again. */
  mark(change: Pick<Change, "op" | "key" | "isContainer">): boolean {
    const isDirectory = change.isContainer && change.op !== "delete";
    const directory = isDirectory ? change.key : parentKey(change.key);
    return directory === undefined ? this.#giveUp() : this.add(directory);
  }

  /** The same for a directory. */
  add(directory: string): boolean {
    if (!this.#directories.has(directory) && this.#directories.size >= this.#limit) return this.#giveUp();
    this.#directories.add(directory);
    return true;
  }

  /** Removes and returns all of them, a directory before those in it. */
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
