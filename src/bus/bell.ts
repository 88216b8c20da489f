/**
 * Wakes whoever waits. A ring while nobody waits is kept for the next one, so there is no gap between looking and waiting.
 */
export class Bell {
  #rung = false;
  readonly #waiters = new Set<() => void>();

  ring(): void {
    this.#rung = true;
    for (const wake of [...this.#waiters]) wake();
  }

  /** Resolves at the next ring (at once when there was one since the last wait) or when the signal aborts. Never rejects. */
  wait(signal: AbortSignal): Promise<void> {
    if (this.#rung || signal.aborted) {
      this.#rung = false;
      return Promise.resolve();
    }
    return new Promise((resolve) => {
      const wake = (): void => {
        this.#waiters.delete(wake);
        signal.removeEventListener("abort", wake);
        this.#rung = false;
        resolve();
      };
      this.#waiters.add(wake);
      signal.addEventListener("abort", wake);
    });
  }
}
