/** Rows come directory by directory, so the next path usually lies in the same directory as the last one. */
import { ROOT } from "./entry-table.ts";

export class LastDirectory {
  #path = "/";
  #id = ROOT;

  /** The directory of a path whose last slash stands at `slash`, if that was remembered last. */
  find(path: string, slash: number): number | undefined {
    if (slash <= 0) return this.#id === ROOT ? ROOT : undefined;
    return this.#path.length === slash && path.startsWith(this.#path) ? this.#id : undefined;
  }

  remember(path: string, slash: number, directory: number): void {
    this.#id = directory;
    this.#path = slash <= 0 ? "/" : path.slice(0, slash);
  }

  forget(): void {
    this.#id = ROOT;
    this.#path = "/";
  }
}
