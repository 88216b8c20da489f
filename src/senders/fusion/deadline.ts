import { abortedFailure } from "./network-failure.ts";

/**
 * The time of one call. `reached` rejects when the time is over, when the caller's signal aborts, or when
 * {@link cancel} is called, whatever the network does: a call is raced against it and never waits for a library to
 * notice.
 */
export class Deadline {
  readonly reached: Promise<never>;
  readonly #what: string;
  readonly #signal: AbortSignal;
  readonly #timer: NodeJS.Timeout;
  #reject: (error: Error) => void = () => undefined;
  readonly #cancel = (): void => this.#reject(abortedFailure(this.#what));

  /** `what` names the call in the error of a cancelled one, `tooLate` makes the error of one that took too long. */
  constructor(what: string, signal: AbortSignal, timeoutMs: number, tooLate: () => Error) {
    this.#what = what;
    this.#signal = signal;
    this.reached = new Promise<never>((_resolve, reject) => {
      this.#reject = reject;
    });
    // Nobody may be listening at the moment when it is reached.
    this.reached.catch(() => undefined);
    this.#timer = setTimeout(() => this.#reject(tooLate()), timeoutMs);
    signal.addEventListener("abort", this.#cancel, { once: true });
    if (signal.aborted) this.#cancel();
  }

  cancel(): void {
    this.#cancel();
  }

  /** The call is over: nothing is kept any more. */
  clear(): void {
    clearTimeout(this.#timer);
    this.#signal.removeEventListener("abort", this.#cancel);
  }
}
