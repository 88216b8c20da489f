/** Items in their order. What was taken is forgotten soon, also by a queue that is never empty. Pure. */

/** So many items may be taken before their room is given back. */
const TAKEN = 1024;

export class Queue<T> {
  #items: T[] = [];
  #next = 0;

  get first(): T | undefined {
    return this.#items[this.#next];
  }

  add(item: T): void {
    this.#items.push(item);
  }

  take(): T | undefined {
    const item = this.first;
    if (item === undefined) return undefined;
    this.#next++;
    if (this.#next === this.#items.length || this.#next === TAKEN) {
      this.#items.splice(0, this.#next);
      this.#next = 0;
    }
    return item;
  }
}
