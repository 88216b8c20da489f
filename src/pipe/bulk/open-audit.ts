/**
 * Which audit the receiver may count as begun and not ended, in one session.
 *
 * The receiver goes on counting what it has seen until it gets an end. So an end answers for everything that was sent
 * since the last one: the end of a full audit may do that, the end of a rescan only for what rescans have sent.
 */
export class OpenAudit {
  #begunBy: "audit" | "rescan" | undefined;

  /** Whether the end of a rescan would answer for rows of rescans alone. */
  get isRescanSafe(): boolean {
    return this.#begunBy !== "audit";
  }

  /** A row of an audit is about to be sent. */
  begin(by: "audit" | "rescan"): void {
    this.#begunBy = by;
  }

  /** The receiver accepted an end. */
  end(): void {
    this.#begunBy = undefined;
  }

  /** What a rescan began gets no end of its own: from here on only a full audit may send one. */
  leave(): void {
    if (this.#begunBy === "rescan") this.#begunBy = "audit";
  }
}
