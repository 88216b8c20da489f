import type { SourceAvailability } from "./source-status.ts";

/** Whether a source is there, and who wants to know when that changes: `status` and `onAvailability` of a driver. */
export class AvailabilityState {
  readonly #listeners = new Set<(availability: SourceAvailability) => void>();
  #current: SourceAvailability = { state: "starting" };

  get current(): SourceAvailability {
    return this.#current;
  }

  /** Calls every listener, unless nothing changed. */
  set(availability: SourceAvailability): void {
    const before = this.#current;
    const isSame = before.state === availability.state && reasonOf(before) === reasonOf(availability);
    this.#current = availability;
    if (!isSame) for (const listener of [...this.#listeners]) listener(availability);
  }

  /** The driver's `onAvailability`. */
  listen(listener: (availability: SourceAvailability) => void): () => void {
    const own = (availability: SourceAvailability): void => listener(availability);
    this.#listeners.add(own);
    return () => void this.#listeners.delete(own);
  }

  /** Nobody is called any more. For `close`. */
  close(): void {
    this.#listeners.clear();
  }
}

const reasonOf = (availability: SourceAvailability): string =>
  availability.state === "unavailable" ? availability.reason : "";
