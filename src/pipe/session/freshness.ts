/**
 * Whether the receiver still has a session, as far as the agent can know.
 *
 * The age of a good answer counts from when its request was sent: the receiver's timer started later than that.
 */
export class Freshness {
  readonly #clock: { now(): number };
  readonly #timeoutMs: number;
  #goodAt: number;

  /** `askedAt`: when the session was asked for, monotonic ms. */
  constructor(clock: { now(): number }, timeoutMs: number, askedAt: number) {
    this.#clock = clock;
    this.#timeoutMs = timeoutMs;
    this.#goodAt = askedAt;
  }

  /** A question that was sent at this moment got a good answer. */
  note(sentAt: number): void {
    this.#goodAt = sentAt;
  }

  isFresh(): boolean {
    return this.remainingMs() > 0;
  }

  remainingMs(): number {
    return this.#goodAt + this.#timeoutMs - this.#clock.now();
  }
}
