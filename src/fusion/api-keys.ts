import { createHmac, randomBytes } from "node:crypto";
import type { FusionConfig } from "./fusion-config.ts";

/** The view or pipe to which a key belongs. */
export type KeyOwner = { readonly kind: "view"; readonly id: string } | { readonly kind: "pipe"; readonly id: string };

export const KEY_HEADER = "x-api-key";

/** The answer to a client that has a read key and wants to change something. */
export const READS_ONLY = "This key reads a view and changes nothing: use the push key of a pipe that feeds the view";

/**
 * Keys and what they open. A key is looked up by a hash with a secret of this process, so the time of a look-up reveals
 * nothing about known keys.
 */
export class KeyTable<T> {
  readonly #secret = randomBytes(32);
  readonly #values = new Map<string, T>();

  constructor(entries: Iterable<readonly [string, T]>) {
    for (const [key, value] of entries) this.#values.set(this.#hash(key), value);
  }

  find(key: string): T | undefined {
    return this.#values.get(this.#hash(key));
  }

  #hash(key: string): string {
    return createHmac("sha256", this.#secret).update(key).digest("base64");
  }
}

/** The configuration-wide lookup: query keys of the views first, then push keys of the receivers. */
export class KeyRing {
  readonly #owners: KeyTable<KeyOwner>;

  constructor(config: FusionConfig) {
    this.#owners = new KeyTable(ownersOf(config));
  }

  ownerOf(key: string): KeyOwner | undefined {
    return this.#owners.find(key);
  }
}

function* ownersOf(config: FusionConfig): Generator<readonly [string, KeyOwner]> {
  for (const receiver of config.receivers.values()) {
    for (const [key, id] of receiver.pipeOfKey) yield [key, { kind: "pipe", id }];
  }
  for (const view of config.views.values()) for (const key of view.apiKeys) yield [key, { kind: "view", id: view.id }];
}
