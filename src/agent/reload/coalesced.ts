/**
 * One run at a time of something that many may ask for.
 *
 * Whoever asks while a run is under way shares the one run that follows it: what they saw before they asked is certain
 * to be part of it, and a burst of requests costs one run more, not one each.
 */
export class Coalesced<T> {
  readonly #work: () => Promise<T>;
  #current: Promise<T> | undefined;
  #next: Promise<T> | undefined;

  constructor(work: () => Promise<T>) {
    this.#work = work;
  }

  request(): Promise<T> {
    if (this.#next === undefined && this.#current === undefined) return this.#begin();
    this.#next ??= this.#afterCurrent();
    return this.#next;
  }

  /** Resolves when nothing runs and nothing waits. */
  async idle(): Promise<void> {
    for (let last = this.#next ?? this.#current; last !== undefined; last = this.#next ?? this.#current) {
      await last.catch(() => undefined);
    }
  }

  async #afterCurrent(): Promise<T> {
    await this.#current?.catch(() => undefined);
    this.#next = undefined;
    return this.#begin();
  }

  #begin(): Promise<T> {
    const run = this.#work().finally(() => {
      if (this.#current === run) this.#current = undefined;
    });
    this.#current = run;
    return run;
  }
}
