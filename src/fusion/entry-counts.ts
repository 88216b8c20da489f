/** How many entries a tree has, and how many bytes. */
export class EntryCounts {
  #entries = 0;
  #directories = 0;
  #fileBytes = 0;

  /** Entries, the root included. */
  get entries(): number {
    return this.#entries;
  }

  /** Directories, the root included. */
  get directories(): number {
    return this.#directories;
  }

  get files(): number {
    return this.#entries - this.#directories;
  }

  /** Bytes of all files. */
  get fileBytes(): number {
    return this.#fileBytes;
  }

  protected count(directory: boolean): void {
    this.#entries++;
    if (directory) this.#directories++;
  }

  protected discount(directory: boolean): void {
    this.#entries--;
    if (directory) this.#directories--;
  }

  protected countBytes(difference: number): void {
    this.#fileBytes += difference;
  }

  protected countNothing(): void {
    this.#entries = 0;
    this.#directories = 0;
    this.#fileBytes = 0;
  }
}
