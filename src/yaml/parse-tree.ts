/**
 * YAML text to a plain tree in which every value knows where it stands.
 *
 * The rest of the configuration sees only this tree: aliases and merge keys (`<<`, which Python's YAML knows as well)
 * are resolved here, and texts that would blow up while being expanded are refused.
 */
import {
  type Alias,
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  type Pair,
  parseDocument,
  type YAMLMap,
} from "yaml";
import { type Origin, type Problems, startOf } from "./problem.ts";
import { syntaxProblem } from "./syntax-problem.ts";
import type { ConfigNode, MapEntry } from "./tree.ts";

/** Far above any real configuration, far below what hurts. */
const MAX_NODES = 100_000;
const MAX_DEPTH = 50;
export const MAX_TEXT_BYTES = 4 * 1024 * 1024;

/**
 * The tree, or undefined when the text is no usable YAML (the problems then say why). An empty text is an empty map.
 */
export function parseTree(file: string, text: string, problems: Problems): ConfigNode | undefined {
  const whole = { origin: startOf(file), path: "" };
  const place = placesIn(file, text);
  try {
    const document = parseDocument(text, {
      prettyErrors: false,
      uniqueKeys: true,
      merge: true,
      // "silent" would also keep quiet about a second document.
      logLevel: "error",
    });
    for (const error of [...document.errors, ...document.warnings]) {
      const [what, cure] = syntaxProblem(error, text);
      problems.error({ origin: place(error.pos[0]), path: "" }, what, cure);
    }
    if (document.errors.length + document.warnings.length > 0) return undefined;
    return new TreeBuilder(document, place, problems).build();
  } catch (error) {
    // Text nested so deeply that the parser runs out of stack.
    const reason = error instanceof RangeError ? "is nested too deeply" : "is not readable as YAML";
    problems.error(whole, reason, "write it as a plain YAML file");
    return undefined;
  }
}

/**
 * Offsets to lines and columns. Counted here: the parser's own counter gets its lines wrong after some syntax errors,
 * as the property test over damaged texts shows.
 */
function placesIn(file: string, text: string): (offset: number) => Origin {
  const lineStarts = [0, ...Array.from(text.matchAll(/\n/g), ({ index }) => index + 1)];
  return (offset) => {
    const inside = Math.max(0, Math.min(offset, text.length));
    let line = 0;
    let after = lineStarts.length;
    while (after - line > 1) {
      const middle = (line + after) >> 1;
      if ((lineStarts[middle] ?? 0) <= inside) line = middle;
      else after = middle;
    }
    return { file, line: line + 1, column: inside - (lineStarts[line] ?? 0) + 1 };
  };
}

class TreeBuilder {
  readonly #document: Document.Parsed;
  readonly #place: (offset: number) => Origin;
  readonly #problems: Problems;
  #nodes = 0;
  #failed = false;

  constructor(document: Document.Parsed, place: (offset: number) => Origin, problems: Problems) {
    this.#document = document;
    this.#place = place;
    this.#problems = problems;
  }

  build(): ConfigNode | undefined {
    const origin = this.#place(0);
    const contents: unknown = this.#document.contents;
    if (contents === null || (isScalar(contents) && contents.value === null)) {
      return { kind: "map", origin, entries: [] };
    }
    const node = this.#convert(contents, origin, 0);
    return this.#failed ? undefined : node;
  }

  #refuse(origin: Origin, what: string, cure: string): ConfigNode {
    if (!this.#failed) this.#problems.error({ origin, path: "" }, what, cure);
    this.#failed = true;
    return { kind: "scalar", origin, value: null };
  }

  #originOf(node: unknown, fallback: Origin): Origin {
    const range = (node as { range?: readonly number[] | null } | null)?.range;
    return range?.[0] === undefined ? fallback : this.#place(range[0]);
  }

  /** `parent` places nodes that have no place of their own (an empty value). */
  #convert(node: unknown, parent: Origin, depth: number): ConfigNode {
    const origin = this.#originOf(node, parent);
    if (this.#failed || node === null || node === undefined) return { kind: "scalar", origin, value: null };
    if (++this.#nodes > MAX_NODES || depth > MAX_DEPTH) {
      return this.#refuse(origin, "is too large or nested too deeply", "remove aliases that refer to each other");
    }
    if (isAlias(node)) return this.#follow(node, origin, depth + 1);
    if (isSeq(node)) {
      return { kind: "list", origin, items: node.items.map((item) => this.#convert(item, origin, depth + 1)) };
    }
    if (isMap(node)) return { kind: "map", origin, entries: this.#entries(node, origin, depth + 1) };
    const value: unknown = isScalar(node) ? node.value : node;
    if (value === null || typeof value === "string" || typeof value === "number" || typeof value === "boolean") {
      return { kind: "scalar", origin, value };
    }
    return this.#refuse(origin, "is a kind of value that is not used here", "write it as text");
  }

  #follow(alias: Alias, origin: Origin, depth: number): ConfigNode {
    const target = alias.resolve(this.#document);
    if (target !== undefined) return this.#convert(target, origin, depth);
    return this.#refuse(
      origin,
      "an alias (*name) refers to no anchor",
      "define the anchor above it, or quote the value",
    );
  }

  #entries(map: YAMLMap, origin: Origin, depth: number): readonly MapEntry[] {
    const entries = new Map<string, MapEntry>();
    const merged: MapEntry[] = [];
    for (const pair of map.items) {
      if (isMergePair(pair)) merged.push(...this.#mergedEntries(pair, origin, depth));
      else this.#addPair(entries, pair, origin, depth);
    }
    // What stands in the map itself wins over what is merged into it, and the first merged map over later ones.
    for (const entry of merged) if (!entries.has(entry.key)) entries.set(entry.key, entry);
    return [...entries.values()];
  }

  #addPair(entries: Map<string, MapEntry>, pair: Pair, origin: Origin, depth: number): void {
    const keyNode = this.#convert(pair.key, origin, depth);
    if (keyNode.kind !== "scalar") {
      this.#refuse(keyNode.origin, "has a key that is no plain word", "use plain words as keys");
      return;
    }
    const key = String(keyNode.value ?? "");
    if (entries.has(key)) {
      this.#refuse(keyNode.origin, `the key appears twice in one block`, "keep one of them");
      return;
    }
    entries.set(key, { key, keyOrigin: keyNode.origin, value: this.#convert(pair.value, keyNode.origin, depth) });
  }

  #mergedEntries(pair: Pair, origin: Origin, depth: number): readonly MapEntry[] {
    const value = this.#convert(pair.value, origin, depth);
    const maps = value.kind === "list" ? value.items : [value];
    return maps.flatMap((map) => {
      if (map.kind === "map") return map.entries;
      this.#refuse(map.origin, "merges something that is no block of keys", "merge only blocks with an anchor");
      return [];
    });
  }
}

/** With `merge` on, the parser marks the key by a symbol described as `<<`. */
function isMergePair(pair: Pair): boolean {
  if (!isScalar(pair.key)) return false;
  const { value } = pair.key;
  return typeof value === "symbol" ? value.description === "<<" : value === "<<" && pair.key.type === "PLAIN";
}
