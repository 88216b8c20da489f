import { parentKey } from "../sdk/parent-key.ts";

/** The directory a key lies in; the root lies in itself, and "" stands for keys without a directory. */
export const directoryOf = (key: string): string => parentKey(key) ?? (key === "/" ? "/" : "");

/** Keys with a number each, grouped by directory so that a whole directory can be asked about at once. */
export class KeyTable {
  readonly #directories = new Map<string, Map<string, number>>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  directories(): IterableIterator<string> {
    return this.#directories.keys();
  }

  hasDirectory(directory: string): boolean {
    return this.#directories.has(directory);
  }

  get(key: string): number | undefined {
    return this.#directories.get(directoryOf(key))?.get(key);
  }

  set(key: string, value: number): void {
    const directory = directoryOf(key);
    let keys = this.#directories.get(directory);
    if (keys === undefined) {
      keys = new Map();
      this.#directories.set(directory, keys);
    }
    if (!keys.has(key)) this.#size++;
    keys.set(key, value);
  }

  delete(key: string): void {
    const directory = directoryOf(key);
    const keys = this.#directories.get(directory);
    if (keys?.delete(key) !== true) return;
    this.#size--;
    if (keys.size === 0) this.#directories.delete(directory);
  }

  clear(): void {
    this.#directories.clear();
    this.#size = 0;
  }
}
