/**
 * Patterns of `*` and `?` for names and for paths, matched in one pass over the text whatever the pattern is: the set of
 * all places in the pattern where a match may stand is kept as bits, so no combination of stars and text makes it look at
 * a character twice.
 *
 * `?` stands for one UTF-16 unit.
 */

const BITS = 32;
const SLASH = 47;

/** What one place of a pattern takes: this character, any, or any within a name. */
type Taken = number | "any" | "in a name";

class Places {
  readonly taken: Taken[] = [];
  /** Characters that may be skipped before a place: any, or those within a name. */
  readonly skipped = new Map<number, "any" | "in a name">();
  /** Places that may be left out together with the next one. */
  readonly optional = new Set<number>();

  skip(what: "any" | "in a name"): void {
    const place = this.taken.length;
    if (this.skipped.get(place) !== "any") this.skipped.set(place, what);
  }
}

/** A name, in which `*` and `?` stand for everything. */
export const nameGlob = (pattern: string): Glob => {
  const places = new Places();
  for (let at = 0; at < pattern.length; at++) {
    if (pattern[at] === "*") places.skip("any");
    else places.taken.push(pattern[at] === "?" ? "any" : pattern.charCodeAt(at));
  }
  return new Glob(places);
};

/**
 * A path: `*` and `?` stay within a name, `**` crosses directories, and `**` between slashes also stands for no directory
 * at all. A glob that begins without a slash counts below any directory.
 */
export const pathGlob = (glob: string): Glob => {
  const text = glob.startsWith("/") ? glob : `/**/${glob}`;
  const places = new Places();
  for (let at = 0; at < text.length; ) at += addPart(places, text, at);
  return new Glob(places);
};

/** How many characters of the glob were read. */
function addPart(places: Places, glob: string, at: number): number {
  if (glob.startsWith("**/", at) && glob[at - 1] === "/") {
    // Twice in a row they are the same as once.
    if (!places.optional.has(places.taken.length - 2)) addDirectories(places);
    return 3;
  }
  if (glob.startsWith("**", at)) {
    places.skip("any");
    return 2;
  }
  if (glob[at] === "*") places.skip("in a name");
  else places.taken.push(glob[at] === "?" ? "in a name" : glob.charCodeAt(at));
  return 1;
}

/** At least one character, any others, a slash; or nothing. */
function addDirectories(places: Places): void {
  places.optional.add(places.taken.length);
  places.taken.push("any");
  places.skip("any");
  places.taken.push(SLASH);
}

export class Glob {
  /** Bit i: the i-th place may be the given character. */
  readonly #takes = new Map<number, Uint32Array>();
  /** The same for characters that the pattern does not name. */
  readonly #takesOther: Uint32Array;
  /** Bit i: any character may be skipped before the i-th place; the same for slashes. */
  readonly #skips: Uint32Array;
  readonly #skipsSlash: Uint32Array;
  readonly #optional: Uint32Array;
  readonly #hasOptional: boolean;
  readonly #length: number;
  readonly #words: number;
  readonly #state: Uint32Array;

  /** For {@link nameGlob} and {@link pathGlob}. */
  constructor({ taken, skipped, optional }: Places) {
    this.#length = taken.length;
    this.#words = Math.ceil((taken.length + 1) / BITS);
    const bitsWhere = (holds: (place: number) => boolean): Uint32Array => {
      const bits = new Uint32Array(this.#words);
      for (let place = 0; place <= taken.length; place++) if (holds(place)) setBit(bits, place);
      return bits;
    };
    for (const code of new Set([SLASH, ...taken.filter((each) => typeof each === "number")])) {
      const isTaken = (each: Taken | undefined): boolean =>
        each === code || each === "any" || (each === "in a name" && code !== SLASH);
      this.#takes.set(
        code,
        bitsWhere((place) => isTaken(taken[place])),
      );
    }
    this.#takesOther = bitsWhere((place) => typeof taken[place] === "string");
    this.#skips = bitsWhere((place) => skipped.has(place));
    this.#skipsSlash = bitsWhere((place) => skipped.get(place) === "any");
    this.#optional = bitsWhere((place) => optional.has(place));
    this.#hasOptional = optional.size > 0;
    this.#state = new Uint32Array(this.#words);
  }

  matches(text: string): boolean {
    const state = this.#state.fill(0);
    state[0] = 1;
    for (let at = 0; at < text.length; at++) {
      const code = text.charCodeAt(at);
      const takes = this.#takes.get(code) ?? this.#takesOther;
      const skips = code === SLASH ? this.#skipsSlash : this.#skips;
      let carry = 0;
      let alive = 0;
      for (let word = 0; word < this.#words; word++) {
        const here = state[word] as number;
        const taken = here & (takes[word] as number);
        const next = ((taken << 1) | carry | (here & (skips[word] as number))) >>> 0;
        carry = taken >>> 31;
        state[word] = next;
        alive |= next;
      }
      if (alive === 0) return false;
      if (this.#hasOptional) this.#leaveOut(state);
    }
    return ((state[Math.floor(this.#length / BITS)] as number) & (1 << (this.#length % BITS))) !== 0;
  }

  /** Where directories may begin, what follows them may, too. */
  #leaveOut(state: Uint32Array): void {
    let carry = 0;
    for (let word = 0; word < this.#words; word++) {
      const here = state[word] as number;
      const begun = here & (this.#optional[word] as number);
      state[word] = (here | (begun << 2) | carry) >>> 0;
      carry = begun >>> 30;
    }
  }
}

function setBit(bits: Uint32Array, at: number): void {
  const word = Math.floor(at / BITS);
  bits[word] = ((bits[word] as number) | (1 << (at % BITS))) >>> 0;
}
