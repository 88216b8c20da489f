/**
 * Finds the items whose deadline has passed without looking at every item: a binary heap by deadline.
 *
 * When an item gets a later deadline, the heap does not change. When the old deadline comes up, the heap asks the item
 * again and puts it back. So keeping an item alive costs nothing, and each look costs as much as there are deadlines
 * since the last look.
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

  /** Call it for each item that ends before its deadline, so that such items are never the greater part of the heap. */
  drop(): void {
    if (++this.#gone * 2 <= this.#heap.length + 64) return;
    this.#gone = 0;
    const left = this.#heap.filter(({ item }) => this.#deadlineOf(item) !== Number.NEGATIVE_INFINITY);
    // A sorted list is a heap.
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
