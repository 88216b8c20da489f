import type { FusionConfig } from "./fusion-config.ts";

/** Whom a key speaks for. */
export type KeyOwner = { readonly kind: "view"; readonly id: string } | { readonly kind: "pipe"; readonly id: string };

export const KEY_HEADER = "x-api-key";

/** The configuration-wide lookup: query keys of the views first, then push keys of the receivers. */
export class KeyRing {
  readonly #owners = new Map<string, KeyOwner>();

  constructor(config: FusionConfig) {
    for (const receiver of config.receivers.values()) {
      for (const [key, pipe] of receiver.pipeOfKey) this.#owners.set(key, { kind: "pipe", id: pipe });
    }
    for (const view of config.views.values())
      for (const key of view.apiKeys) this.#owners.set(key, { kind: "view", id: view.id });
  }

  ownerOf(key: string): KeyOwner | undefined {
    return this.#owners.get(key);
  }
}
