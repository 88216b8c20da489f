/**
 * Changes of transactions of XA that are prepared and not yet ended. The log has them before anybody knows whether they
 * count. Pure.
 */
import type { OpenChange } from "./log-reader.ts";

/** More than these are not kept: a snapshot takes their place. */
const MOST = 100_000;

export class Prepared {
  readonly #waiting = new Map<string, readonly OpenChange[] | undefined>();
  #count = 0;

  get isEmpty(): boolean {
    return this.#waiting.size === 0;
  }

  hold(xid: string, changes: readonly OpenChange[]): void {
    const isTooMany = this.#count + changes.length > MOST;
    if (!isTooMany) this.#count += changes.length;
    this.#waiting.set(xid, isTooMany ? undefined : changes);
  }

  /** Its changes; undefined when nothing is known of them. */
  settle(xid: string): readonly OpenChange[] | undefined {
    const changes = this.#waiting.get(xid);
    this.#waiting.delete(xid);
    this.#count -= changes?.length ?? 0;
    return changes;
  }
}
