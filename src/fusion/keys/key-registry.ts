/** The keys of the registry as a running Fusion asks them: replaced as a whole when their file changed. */
import { type KeyRecord, type KeyState, stateOf } from "./key-record.ts";
import { idOfKey, isKeyOf } from "./key-text.ts";

/** What an id that nobody has is compared with. */
const NOBODY = { salt: "00".repeat(16), hash: "00".repeat(32) };

export class KeyRegistry {
  /** A key that is not valid any more was shown: once for each until the keys are replaced. Never gets the key itself. */
  onRefused: ((id: string, state: KeyState) => void) | undefined;
  readonly #nowSeconds: () => number;
  readonly #used = new Map<string, number>();
  readonly #told = new Set<string>();
  #keys = new Map<string, KeyRecord>();

  constructor(nowSeconds: () => number = () => Date.now() / 1000) {
    this.#nowSeconds = nowSeconds;
  }

  replace(keys: readonly KeyRecord[]): void {
    this.#keys = new Map(keys.map((key) => [key.id, key]));
    this.#told.clear();
  }

  /** The record of a key that is valid now. */
  find(text: string): KeyRecord | undefined {
    const id = idOfKey(text);
    if (id === undefined) return undefined;
    const key = this.#keys.get(id);
    if (!isKeyOf(text, key ?? NOBODY) || key === undefined) return undefined;
    const now = this.#nowSeconds();
    const state = stateOf(key, now);
    if (state === "valid") {
      this.#used.set(id, Math.floor(now));
      return key;
    }
    if (!this.#told.has(id)) this.onRefused?.(id, state);
    this.#told.add(id);
    return undefined;
  }

  /** A key that was made here and is valid no more. */
  hasEnded(text: string): boolean {
    const key = this.#keys.get(idOfKey(text) ?? "");
    return key !== undefined && stateOf(key, this.#nowSeconds()) !== "valid" && isKeyOf(text, key);
  }

  /** Key id -> when it was used last, in seconds since 1970. */
  get lastUses(): ReadonlyMap<string, number> {
    return this.#used;
  }

  /** What an earlier run has seen. */
  remember(uses: Iterable<readonly [string, number]>): void {
    for (const [id, at] of uses) if (at > (this.#used.get(id) ?? 0)) this.#used.set(id, at);
  }
}
