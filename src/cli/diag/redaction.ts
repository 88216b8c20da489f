/**
 * What may leave the machine in a bundle for others: no secret ever, and no name of the tree unless a user says so.
 *
 * A name may hold anything, also spaces and quotes, so where a path ends in a sentence nobody can say: what follows an
 * unknown path is left out up to the end of the text. Of log lines only members that are known to hold no names stay.
 */
import { maskOf } from "../../sdk/http/secret-mask.ts";
import { publicText } from "../../sdk/index.ts";

export interface Redaction {
  /** Texts that must not be seen. */
  readonly secrets: readonly string[];
  /** Folders and files that are no part of a tree: home, configuration, log, roots themselves. */
  readonly known: readonly string[];
  /** Names below them are names of the tree, wherever they lie. */
  readonly roots: readonly string[];
  /** Names of the tree may be seen. */
  readonly names: boolean;
}

const NAME = "[name]";
/** A path that begins a word: neither the rest of an address, nor of a fraction or a rate. */
const PATH = /(?<![\w.\])%*/-])\/(?!\/)[^\s"')\]},;]*/g;

/** Below these lie no data of anyone's. */
const SYSTEM = ["/proc/", "/sys/", "/etc/", "/usr/", "/dev/", "/api/"];

interface Places {
  readonly known: readonly string[];
  readonly roots: readonly string[];
}

function isKnown(path: string, { known, roots }: Places): boolean {
  const bare = path.replace(/[.:]+$/, "").replace(/(:\d+)+$/, "");
  if (bare === "/" || known.some((each) => bare === each)) return true;
  return SYSTEM.some((each) => bare.startsWith(each)) && !roots.some((root) => bare.startsWith(`${root}/`));
}

/** The text up to its first path that is not known. */
function withoutNames(text: string, places: Places): string {
  for (const { index, 0: path } of text.matchAll(PATH)) {
    if (!isKnown(path, places)) return `${text.slice(0, index)}${NAME}`;
  }
  return text;
}

export class Redactor {
  readonly #mask: (text: string) => string;
  readonly #places: Places;
  readonly #names: boolean;

  constructor({ secrets, known, roots, names }: Redaction) {
    this.#mask = maskOf(secrets, "***");
    this.#places = { known, roots };
    this.#names = names;
  }

  text(text: string): string {
    const shown = this.#mask(publicText(text));
    return this.#names ? shown : withoutNames(shown, this.#places);
  }

  /** Every text in a value as JSON knows it. Members whose keys say that they hold names lose them. */
  value(value: unknown, key = ""): unknown {
    if (typeof value === "string") return this.#isName(key) ? NAME : this.text(value);
    if (Array.isArray(value)) return value.map((each) => this.value(each, key));
    if (typeof value !== "object" || value === null) return value;
    // The effective configuration has each value beside its place.
    const keyOf = (name: string): string => (name === "value" ? key : name);
    return Object.fromEntries(
      Object.entries(value).map(([name, each]) => [this.text(name), this.value(each, keyOf(name))]),
    );
  }

  /** Of a line of the log; one that is no JSON, such as a crash of the runtime, goes through as text. */
  logLine(line: string): string {
    const entry = parsed(line);
    if (entry === undefined) return this.text(line);
    if (this.#names) return JSON.stringify(this.value(entry));
    const members = Object.entries(entry).flatMap(([key, value]) => this.#member(key, value));
    return JSON.stringify(Object.fromEntries(members));
  }

  #member(key: string, value: unknown): readonly (readonly [string, unknown])[] {
    if (typeof value === "number" || typeof value === "boolean") return [[key, value]];
    if (key === "err") return [[key, this.#error(value)]];
    return SAFE_MEMBERS.has(key) ? [[key, this.value(value, key)]] : [[key, NAME]];
  }

  #error(error: unknown): unknown {
    if (typeof error !== "object" || error === null) return this.value(error);
    const { code, type, message } = error as Readonly<Record<string, unknown>>;
    return this.value({ code, type, message });
  }

  #isName(key: string): boolean {
    return !this.#names && HOLDS_NAMES.has(key);
  }
}

const HOLDS_NAMES = new Set(["examples", "path", "paths", "name", "entry", "file_name", "exclude", "file_pattern"]);
const SAFE_MEMBERS = new Set([
  ...["time", "level", "msg", "pipe", "source", "sender", "driver", "route", "session", "role", "state", "signal"],
  ...["reason", "url", "root", "engine", "version", "code", "home", "console", "mode"],
]);

function parsed(line: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === "object" && value !== null && !Array.isArray(value) ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}
