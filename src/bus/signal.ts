/**
 * Wakes what waits for it. A signal that is raised while nothing waits is kept for the next wait, so there is no gap between looking and
 * waiting.
 */
export class Signal {
  #isRaised = false;
  readonly #waiters = new Set<() => void>();

  raise(): void {
    this.#isRaised = true;
    for (const wake of [...this.#waiters]) wake();
  }

  /** Resolves when it is raised (at once when it was since the last wait) or when `abort` aborts. Never rejects. */
  wait(abort: AbortSignal): Promise<void> {
    if (this.#isRaised || abort.aborted) {
      this.#isRaised = false;
      return Promise.resolve();
    }
    return new Promise((resolve) => {
      const wake = (): void => {
        this.#waiters.delete(wake);
        abort.removeEventListener("abort", wake);
        this.#isRaised = false;
        resolve();
      };
      this.#waiters.add(wake);
      abort.addEventListener("abort", wake);
    });
  }
}
