/** The pause of a snapshot by an operator: how long it lasts, and whether what was read before may still be sent. */
import { describeError } from "../../sdk/index.ts";
import type { Ambience } from "../pipe-options.ts";
import type { ReadingState } from "./bulk-reader.ts";
import type { Superseded } from "./superseded.ts";

export class SnapshotPause {
  readonly #ambience: Pick<Ambience, "now">;
  readonly #superseded: Pick<Superseded, "losses">;
  /** `losses`: what the table of superseded rows had forgotten when it began. */
  #on: { readonly since: number; readonly losses: number } | undefined;

  constructor(ambience: Pick<Ambience, "now">, superseded: Pick<Superseded, "losses">) {
    this.#ambience = ambience;
    this.#superseded = superseded;
  }

  get isOn(): boolean {
    return this.#on !== undefined;
  }

  /** Undefined when it is not on. */
  get forMs(): number | undefined {
    return this.#on === undefined ? undefined : Math.round(this.#ambience.now() - this.#on.since);
  }

  begin(): void {
    this.#on ??= { since: this.#ambience.now(), losses: this.#superseded.losses };
  }

  end(): void {
    this.#on = undefined;
  }

  /** Why rows that this pass has read may not be sent any more, undefined when they may. */
  staleness(reading: ReadingState | undefined): string | undefined {
    if (reading?.kind === "failed") return describeError(reading.error);
    const hasForgotten = this.#on !== undefined && this.#superseded.losses > this.#on.losses;
    return hasForgotten ? "too much changed meanwhile" : undefined;
  }
}
