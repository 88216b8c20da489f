/**
 * Cuts the answer of a tree query into its entries while it arrives: a directory may have a hundred thousand of them,
 * and none of the text is kept but the entry under way.
 *
 * An entry is an object of plain members; `children`, the only list, comes after what is read here.
 */
import { FustorError, type TreeEntry } from "../../../sdk/index.ts";

const QUOTE = 34;
const OPEN_LIST = 91;
const BACKSLASH = 92;
const OPEN = 123;
const CLOSE = 125;
const CHILDREN = /,?\s*"children"\s*:\s*$/;
/** No entry is longer: a path of 4096 bytes stands in it twice at most, each byte as six characters. */
const MOST_CHARACTERS = 262_144;

const bad = (what: string): FustorError =>
  new FustorError("FUSTOR_SENDER_BAD_ANSWER", `the answer holds no tree: ${what}`, { retryable: true });

const numberOf = (value: unknown): number => (typeof value === "number" ? value : 0);

function entryOf(text: string): TreeEntry {
  let node: Readonly<Record<string, unknown>>;
  try {
    node = JSON.parse(text) as Readonly<Record<string, unknown>>;
  } catch {
    throw bad("an entry is no JSON");
  }
  const { path, content_type: type, size, modified_time: modified } = node;
  if (typeof path !== "string" || (type !== "directory" && type !== "file"))
    throw bad("an entry has no path or no kind");
  return { path, directory: type === "directory", size: numberOf(size), modified: numberOf(modified) };
}

export class TreeNodes {
  #text = "";
  /** Where to go on. */
  #at = 0;
  /** Where the entry under way begins; -1 = none is. */
  #start = -1;
  #open = 0;

  /** The entries that this piece completes. Throws FUSTOR_SENDER_BAD_ANSWER. */
  push(piece: string): TreeEntry[] {
    const from = this.#start < 0 ? this.#at : this.#start;
    this.#text = this.#text.slice(from) + piece;
    this.#at -= from;
    if (this.#start >= 0) this.#start = 0;
    const entries: TreeEntry[] = [];
    while (this.#at < this.#text.length && this.#step(entries));
    if (this.#text.length - Math.max(this.#start, 0) > MOST_CHARACTERS + piece.length) throw bad("an entry never ends");
    return entries;
  }

  /** Throws when the answer is cut off. */
  end(): void {
    if (this.#open > 0 || this.#start >= 0) throw bad("it is cut off");
  }

  /** False when more has to come. */
  #step(entries: TreeEntry[]): boolean {
    switch (this.#text.charCodeAt(this.#at)) {
      case QUOTE: {
        const end = this.#endOfString();
        if (end < 0) return false;
        this.#at = end;
        return true;
      }
      case OPEN:
        if (this.#start >= 0) throw bad("an entry within an entry");
        this.#start = this.#at;
        this.#open++;
        break;
      case OPEN_LIST:
        if (this.#start < 0) throw bad("a list without an entry");
        entries.push(entryOf(`${this.#beforeChildren()}}`));
        this.#start = -1;
        break;
      case CLOSE:
        if (this.#start >= 0) entries.push(entryOf(this.#text.slice(this.#start, this.#at + 1)));
        this.#start = -1;
        this.#open--;
        break;
    }
    this.#at++;
    return true;
  }

  #beforeChildren(): string {
    const text = this.#text.slice(this.#start, this.#at);
    if (!CHILDREN.test(text)) throw bad("a list that holds no entries");
    return text.replace(CHILDREN, "");
  }

  /** Behind the closing quote; -1 when it has not come yet. */
  #endOfString(): number {
    for (let quote = this.#text.indexOf('"', this.#at + 1); quote >= 0; quote = this.#text.indexOf('"', quote + 1)) {
      let slashes = 0;
      while (this.#text.charCodeAt(quote - 1 - slashes) === BACKSLASH) slashes++;
      if (slashes % 2 === 0) return quote + 1;
    }
    return -1;
  }
}
