import { type Document, isMap, isScalar, LineCounter, type Node, parseDocument, visit } from "yaml";
import type { z } from "zod";
import { nearest } from "../sdk/did-you-mean.ts";
import { type FusionFile, fusionFileSchema, knownKeysAt } from "./fusion-schema.ts";

/** `file:line:col key: what is wrong, what to do` */
export type ConfigMessage = string;

type Path = readonly PropertyKey[];

/** One YAML file: its checked content and where each key stands. */
export class ConfigDocument {
  readonly file: string;
  readonly content: FusionFile;
  readonly problems: readonly ConfigMessage[];
  readonly #document: Document;
  readonly #lines = new LineCounter();

  constructor(file: string, text: string) {
    this.file = file;
    this.#document = parseDocument(text, { lineCounter: this.#lines, prettyErrors: false, uniqueKeys: true });
    const syntax = this.#document.errors.map((error) => {
      const summary = error.message.split("\n")[0] ?? "";
      return `${this.#at(error.pos[0])} yaml: ${summary}, correct the file`;
    });
    syntax.push(...this.#unusableNames());
    const parsed = fusionFileSchema.safeParse(syntax.length > 0 ? {} : (this.#document.toJS() ?? {}));
    this.content = parsed.success ? parsed.data : {};
    this.problems = parsed.success ? syntax : parsed.error.issues.flatMap((issue) => this.#describe(issue));
  }

  /** JavaScript objects cannot have this key: it would vanish silently. */
  #unusableNames(): readonly ConfigMessage[] {
    const found: ConfigMessage[] = [];
    visit(this.#document, {
      Pair: (_, { key }) => {
        if (!isScalar(key) || key.value !== "__proto__") return;
        found.push(`${this.#at(key.range?.[0] ?? 0)} __proto__: is no name that can be used, choose another`);
      },
    });
    return found;
  }

  /** A problem with the value at a path. */
  message(path: Path, what: string, cure: string): ConfigMessage {
    return `${this.#placeOf(path)} ${dotted(path)}: ${what}, ${cure}`;
  }

  #describe(issue: z.core.$ZodIssue): readonly ConfigMessage[] {
    if (issue.code !== "unrecognized_keys") {
      const missing = this.#nodeAt(issue.path) === undefined;
      const what = missing ? "is missing" : issue.message.charAt(0).toLowerCase() + issue.message.slice(1);
      return [this.message(issue.path, what, missing ? "add it" : "correct the value")];
    }
    return issue.keys.map((key) => {
      const known = knownKeysAt(issue.path);
      const meant = nearest(key, known);
      const cure = meant === undefined ? `remove it (known: ${known.join(", ")})` : `did you mean ${meant}?`;
      return this.message([...issue.path, key], "is not a known key", cure);
    });
  }

  #placeOf(path: Path): string {
    for (let length = path.length; length > 0; length--) {
      const offset = this.#offsetOf(path.slice(0, length));
      if (offset !== undefined) return this.#at(offset);
    }
    return this.#at(0);
  }

  /** Where the key of a mapping stands, or the item of a list. */
  #offsetOf(path: Path): number | undefined {
    const parent = path.length === 1 ? this.#document.contents : this.#nodeAt(path.slice(0, -1));
    const last = path[path.length - 1];
    if (isMap(parent)) {
      const pair = parent.items.find((item) => isScalar(item.key) && String(item.key.value) === String(last));
      return (pair?.key as Node | undefined)?.range?.[0];
    }
    return this.#nodeAt(path)?.range?.[0];
  }

  #nodeAt(path: Path): Node | undefined {
    if (path.length === 0) return this.#document.contents ?? undefined;
    return this.#document.getIn(path, true) as Node | undefined;
  }

  #at(offset: number): string {
    const { line, col } = this.#lines.linePos(offset);
    return `${this.file}:${Math.max(line, 1)}:${Math.max(col, 1)}`;
  }
}

const dotted = (path: Path): string =>
  path.map((part, at) => (typeof part === "number" ? `[${part}]` : `${at === 0 ? "" : "."}${String(part)}`)).join("");
