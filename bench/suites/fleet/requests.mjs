/** When requests came, and how crowded it was. */
const WINDOW_MS = 100;

export class Requests {
  #times = new Map();
  #since = performance.now();

  note(kind) {
    const times = this.#times.get(kind) ?? [];
    if (times.length === 0) this.#times.set(kind, times);
    times.push(performance.now());
  }

  begin() {
    this.#times.clear();
    this.#since = performance.now();
  }

  /** Of one kind since `begin`: how many, how many a second, and the most within any tenth of a second. */
  of(kind) {
    const times = this.#times.get(kind) ?? [];
    const seconds = (performance.now() - this.#since) / 1000;
    let [busiest, first] = [0, 0];
    for (const [at, time] of times.entries()) {
      while (times[first] <= time - WINDOW_MS) first++;
      busiest = Math.max(busiest, at - first + 1);
    }
    return { count: times.length, perSecond: times.length / seconds, busiest };
  }

  kinds() {
    return [...this.#times.keys()].sort();
  }
}
