import { createHmac, randomBytes } from "node:crypto";
import type { FusionConfig, ReceiverConfig } from "./fusion-config.ts";
import type { KeyRegistry } from "./keys/key-registry.ts";

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

/**
 * Every key: those of the configuration first, which stay as they are while Fusion runs, then those of the registry. A key
 * whose pipe or view is not configured is unknown. One that the registry has ended opens nothing, even if somebody wrote
 * it into the configuration as well: `revoke` says that it is refused.
 */
export class KeyRing {
  readonly #config: FusionConfig;
  readonly #written: KeyTable<KeyOwner>;
  readonly #pushKeys: ReadonlyMap<string, KeyTable<string>>;
  readonly #readKeys: ReadonlyMap<string, KeyTable<true>>;
  readonly #registry: KeyRegistry | undefined;

  constructor(config: FusionConfig, registry?: KeyRegistry) {
    this.#config = config;
    this.#registry = registry;
    this.#written = new KeyTable(ownersOf(config));
    this.#pushKeys = new Map([...config.receivers].map(([id, { pipeOfKey }]) => [id, new KeyTable(pipeOfKey)]));
    this.#readKeys = new Map([...config.views].map(([id, { apiKeys }]) => [id, readKeys(apiKeys)]));
  }

  ownerOf(key: string): KeyOwner | undefined {
    return this.#ofConfig(this.#written, key) ?? this.#registered(key);
  }

  /** The pipe that a key opens at one receiver. */
  pipeOf(key: string, receiver: ReceiverConfig): string | undefined {
    const written = this.#ofConfig(this.#pushKeys.get(receiver.id), key);
    if (written !== undefined) return written;
    const owner = this.#registered(key);
    return owner?.kind === "pipe" && this.#config.pipes.get(owner.id)?.receiver === receiver.id ? owner.id : undefined;
  }

  mayRead(key: string, view: string): boolean {
    if (this.#ofConfig(this.#readKeys.get(view), key) === true) return true;
    const owner = this.#registered(key);
    return owner?.kind === "view" && owner.id === view;
  }

  #ofConfig<T>(keys: KeyTable<T> | undefined, key: string): T | undefined {
    const found = keys?.find(key);
    return found !== undefined && this.#registry?.hasEnded(key) === true ? undefined : found;
  }

  #registered(key: string): KeyOwner | undefined {
    const record = this.#registry?.find(key);
    if (record === undefined) return undefined;
    const [kind, among] =
      record.scope === "push" ? (["pipe", this.#config.pipes] as const) : (["view", this.#config.views] as const);
    return among.has(record.target) ? { kind, id: record.target } : undefined;
  }
}

/** One key may read several views. */
const readKeys = (keys: ReadonlySet<string>): KeyTable<true> =>
  new KeyTable([...keys].map((key) => [key, true] as const));

function* ownersOf(config: FusionConfig): Generator<readonly [string, KeyOwner]> {
  for (const receiver of config.receivers.values()) {
    for (const [key, id] of receiver.pipeOfKey) yield [key, { kind: "pipe", id }];
  }
  for (const view of config.views.values()) for (const key of view.apiKeys) yield [key, { kind: "view", id: view.id }];
}
