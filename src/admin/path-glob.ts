/**
 * Globs of paths: `*` and `?` stay within a name, `**` crosses directories, and `**` between slashes also stands for no
 * directory at all. A glob that begins without a slash counts below any directory.
 *
 * Every place in the glob where a match may stand is kept at once, so a text costs its length times that of the glob,
 * whatever both are.
 */
type Token =
  | { readonly kind: "character"; readonly code: number }
  | { readonly kind: "any" | "star" | "globstar" }
  /** Directories with their slashes; `inside`: in the name of one. */
  | { readonly kind: "directories" | "inside" };

const SLASH = 47;

function tokensOf(glob: string): readonly Token[] {
  const text = glob.startsWith("/") ? glob : `/**/${glob}`;
  const tokens: Token[] = [];
  for (let at = 0; at < text.length; ) {
    const rest = text.slice(at);
    if (rest.startsWith("**/") && (at === 0 || text[at - 1] === "/")) {
      tokens.push({ kind: "directories" }, { kind: "inside" });
      at += 3;
    } else if (rest.startsWith("**")) {
      tokens.push({ kind: "globstar" });
      at += 2;
    } else {
      const kind = text[at] === "*" ? "star" : text[at] === "?" ? "any" : undefined;
      tokens.push(kind === undefined ? { kind: "character", code: text.charCodeAt(at) } : { kind });
      at++;
    }
  }
  return tokens;
}

export class PathGlob {
  readonly #tokens: readonly Token[];
  #now: Uint8Array;
  #next: Uint8Array;

  constructor(glob: string) {
    this.#tokens = tokensOf(glob);
    this.#now = new Uint8Array(this.#tokens.length + 1);
    this.#next = new Uint8Array(this.#tokens.length + 1);
  }

  matches(path: string): boolean {
    this.#now.fill(0);
    this.#reach(this.#now, 0);
    for (let at = 0; at < path.length; at++) {
      this.#next.fill(0);
      if (!this.#step(path.charCodeAt(at))) return false;
      [this.#now, this.#next] = [this.#next, this.#now];
    }
    return this.#now[this.#tokens.length] === 1;
  }

  /** This place, and those behind it that need no character. */
  #reach(places: Uint8Array, place: number): void {
    // What is behind it was reached with it.
    if (places[place] === 1) return;
    places[place] = 1;
    const kind = this.#tokens[place]?.kind;
    if (kind === "star" || kind === "globstar") this.#reach(places, place + 1);
    else if (kind === "directories") this.#reach(places, place + 2);
  }

  #step(code: number): boolean {
    let alive = false;
    for (const [place, token] of this.#tokens.entries()) {
      if (this.#now[place] === 0) continue;
      const to = placeAfter(token, place, code);
      if (to === undefined) continue;
      this.#reach(this.#next, to);
      alive = true;
    }
    return alive;
  }
}

/** Where a match goes on when the character comes; undefined: nowhere. */
function placeAfter(token: Token, place: number, code: number): number | undefined {
  switch (token.kind) {
    case "character":
      return token.code === code ? place + 1 : undefined;
    case "any":
      return code === SLASH ? undefined : place + 1;
    case "star":
      return code === SLASH ? undefined : place;
    case "globstar":
      return place;
    case "directories":
      return place + 1;
    case "inside":
      // The next one, or what follows.
      return code === SLASH ? place - 1 : place;
  }
}
