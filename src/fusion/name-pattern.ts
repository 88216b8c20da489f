/**
 * Shell patterns of `*` and `?`, matched in one pass over the text whatever the pattern is: the set of all places in
 * the pattern where a match may stand is kept as bits, so no combination of stars and text makes it look at a character
 * twice.
 *
 * `?` stands for one UTF-16 unit.
 */

/** A longer pattern matches no name: a name has at most 255 bytes. */
export const MOST_PATTERN_LENGTH = 256;

const STAR = "*";
const BITS = 32;

export class NamePattern {
  /** Bit i: the i-th character of the pattern without stars may be the given one. */
  readonly #takes = new Map<number, Uint32Array>();
  /** The same for characters that the pattern does not name. */
  readonly #takesAny: Uint32Array;
  /** Bit i: a star stands before the i-th character, so any character may be skipped there. */
  readonly #skips: Uint32Array;
  readonly #length: number;
  readonly #words: number;
  readonly #state: Uint32Array;

  constructor(pattern: string) {
    const letters = [...pattern.split("")].filter((letter) => letter !== STAR);
    this.#length = letters.length;
    this.#words = Math.ceil((letters.length + 1) / BITS);
    this.#takesAny = new Uint32Array(this.#words);
    this.#skips = new Uint32Array(this.#words);
    this.#state = new Uint32Array(this.#words);
    letters.forEach((letter, at) => {
      if (letter === "?") setBit(this.#takesAny, at);
    });
    letters.forEach((letter, at) => {
      if (letter === "?") return;
      const code = letter.charCodeAt(0);
      const mask = this.#takes.get(code) ?? this.#takesAny.slice();
      setBit(mask, at);
      this.#takes.set(code, mask);
    });
    let before = 0;
    for (const letter of pattern.split("")) {
      if (letter === STAR) setBit(this.#skips, before);
      else before++;
    }
  }

  matches(text: string): boolean {
    const state = this.#state.fill(0);
    state[0] = 1;
    for (let at = 0; at < text.length; at++) {
      const takes = this.#takes.get(text.charCodeAt(at)) ?? this.#takesAny;
      let carry = 0;
      let alive = 0;
      for (let word = 0; word < this.#words; word++) {
        const here = state[word] as number;
        const taken = here & (takes[word] as number);
        const next = ((taken << 1) | carry | (here & (this.#skips[word] as number))) >>> 0;
        carry = taken >>> 31;
        state[word] = next;
        alive |= next;
      }
      if (alive === 0) return false;
    }
    return ((state[Math.floor(this.#length / BITS)] as number) & (1 << (this.#length % BITS))) !== 0;
  }
}

function setBit(bits: Uint32Array, at: number): void {
  const word = Math.floor(at / BITS);
  bits[word] = ((bits[word] as number) | (1 << (at % BITS))) >>> 0;
}
