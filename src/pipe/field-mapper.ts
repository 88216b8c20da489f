/**
 * `fields_mapping`: a projection of rows, compiled once. Rows are shared between pipes and kept for a retry, so a mapped row is
 * always a new object and mapping the same row twice gives the same result twice.
 */
import type { Row } from "../sdk/index.ts";
import type { FieldMappingRule } from "./pipe-options.ts";

type Convert = (value: unknown) => unknown;

const TRUE_TEXTS = new Set(["true", "1", "yes", "on"]);

/** A value that does not convert stays as it is. */
function toNumber(value: unknown, whole: boolean): unknown {
  if (typeof value === "boolean") return value ? 1 : 0;
  if (typeof value !== "number" && (typeof value !== "string" || value.trim() === "")) return value;
  const number = Number(value);
  if (!Number.isFinite(number)) return value;
  // Text with a fraction is no integer, a number with one is cut.
  if (whole && typeof value === "string" && !Number.isInteger(number)) return value;
  return whole ? Math.trunc(number) : number;
}

const CONVERTERS: Readonly<Record<string, Convert>> = {
  string: (value) =>
    typeof value === "string" ? value : typeof value === "object" ? JSON.stringify(value) : String(value),
  integer: (value) => toNumber(value, true),
  number: (value) => toNumber(value, false),
  boolean: (value) => (typeof value === "string" ? TRUE_TEXTS.has(value.toLowerCase()) : Boolean(value)),
};
const ALIASES: Readonly<Record<string, string>> = { str: "string", int: "integer", float: "number", bool: "boolean" };

const keep: Convert = (value) => value;

interface CompiledRule {
  /** Segments of the dotted target. */
  readonly target: readonly string[];
  /** undefined = leave the target out. */
  readonly read: (row: Row) => unknown;
}

/** `name` or `name:type`. */
function readerOf(source: string): (row: Row) => unknown {
  const colon = source.lastIndexOf(":");
  const name = colon < 0 ? source : source.slice(0, colon);
  const type = colon < 0 ? "" : source.slice(colon + 1);
  const convert = CONVERTERS[ALIASES[type] ?? type] ?? keep;
  return (row) => {
    const value = row[name];
    return value === undefined || value === null ? undefined : convert(value);
  };
}

function compile(rule: FieldMappingRule): CompiledRule | undefined {
  if (rule.to === "") return undefined;
  const target = rule.to.split(".");
  if (rule.hardcodedValue !== undefined) {
    const constant = rule.hardcodedValue.value ?? undefined;
    return { target, read: () => constant };
  }
  const source = rule.source[0];
  return source === undefined ? undefined : { target, read: readerOf(source) };
}

type Nested = Record<string, unknown>;

/** False when a parent of the target is no object. */
function assign(mapped: Nested, target: readonly string[], value: unknown): boolean {
  let at = mapped;
  for (const segment of target.slice(0, -1)) {
    const inner = Object.hasOwn(at, segment) ? at[segment] : undefined;
    if (inner !== undefined && (typeof inner !== "object" || inner === null || Array.isArray(inner))) return false;
    const next: Nested = (inner as Nested | undefined) ?? {};
    define(at, segment, next);
    at = next;
  }
  define(at, target.at(-1) as string, value);
  return true;
}

/** A target called `__proto__` is a member like any other. */
function define(at: Nested, name: string, value: unknown): void {
  Object.defineProperty(at, name, { value, enumerable: true, configurable: true, writable: true });
}

export class FieldMapper {
  readonly #rules: readonly CompiledRule[];
  readonly #onConflict: (target: string) => void;
  readonly #reported = new Set<string>();

  /** `onConflict` hears once of each target whose parent is a scalar; the rule is skipped there. */
  constructor(rules: readonly FieldMappingRule[], onConflict: (target: string) => void = () => undefined) {
    this.#rules = rules.map(compile).filter((rule) => rule !== undefined);
    this.isIdentity = rules.length === 0;
    this.#onConflict = onConflict;
  }

  /** No rules: rows pass unchanged. */
  readonly isIdentity: boolean;

  map(row: Row): Row {
    if (this.isIdentity) return row;
    const mapped: Nested = {};
    for (const { target, read } of this.#rules) {
      const value = read(row);
      if (value !== undefined && !assign(mapped, target, value)) this.#report(target.join("."));
    }
    return mapped;
  }

  #report(target: string): void {
    if (this.#reported.has(target)) return;
    this.#reported.add(target);
    this.#onConflict(target);
  }
}
