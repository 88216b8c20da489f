/**
 * Wakes the tasks that wait for it. When no task waits, the signal stays raised for the next wait, so that a task which
 * looks and then waits misses nothing.
 */
export class Signal {
  #isRaised = false;
  readonly #waiters = new Set<() => void>();

  raise(): void {
    this.#isRaised = true;
    for (const wake of [...this.#waiters]) wake();
  }

  /**
   * Resolves when the signal is raised (at once when it was raised since the last wait) or when `abort` aborts. Never
   * rejects.
   */
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
