/**
 * Whose time is up, without looking at everybody: a binary heap by deadline.
 *
 * A deadline that moved on is not moved in the heap: when its old one comes up the item is asked again and put back. So keeping
 * something alive costs nothing, and each look costs what has come up since the last one.
 */
export class Deadlines<T> {
  readonly #deadlineOf: (item: T) => number;
  #heap: { readonly at: number; readonly item: T }[] = [];
  #gone = 0;

  /** `deadlineOf` may only ever grow; `Number.NEGATIVE_INFINITY` = the item is gone. */
  constructor(deadlineOf: (item: T) => number) {
    this.#deadlineOf = deadlineOf;
  }

  add(item: T): void {
    this.#push({ at: this.#deadlineOf(item), item });
  }

  /** Call it for each item that went before its time: items that are gone never are the greater part of what is kept. */
  drop(): void {
    if (++this.#gone * 2 <= this.#heap.length + 64) return;
    this.#gone = 0;
    const left = this.#heap.filter(({ item }) => this.#deadlineOf(item) !== Number.NEGATIVE_INFINITY);
    // What is in order is a heap.
    this.#heap = left.sort((a, b) => a.at - b.at);
  }

  get size(): number {
    return this.#heap.length;
  }

  /** Takes out what is due before `now`, earliest first. */
  takeDue(now: number): readonly T[] {
    const due: T[] = [];
    for (let first = this.#heap[0]; first !== undefined && first.at < now; first = this.#heap[0]) {
      this.#pop();
      const at = this.#deadlineOf(first.item);
      if (at >= now) this.#push({ at, item: first.item });
      else if (at !== Number.NEGATIVE_INFINITY) due.push(first.item);
    }
    return due;
  }

  #push(entry: { readonly at: number; readonly item: T }): void {
    const heap = this.#heap;
    let at = heap.push(entry) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const above = heap[parent] as typeof entry;
      if (above.at <= entry.at) break;
      heap[at] = above;
      at = parent;
    }
    heap[at] = entry;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && (heap[child + 1] as typeof last).at < (heap[child] as typeof last).at) child++;
      const below = heap[child] as typeof last;
      if (below.at >= last.at) break;
      heap[at] = below;
      at = child;
    }
    heap[at] = last;
  }
}
