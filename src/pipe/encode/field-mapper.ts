/**
 * `fields_mapping`: a projection of rows, compiled once. Rows are shared between pipes and kept for a retry, so a
 * mapped row is always a new object and mapping the same row twice gives the same result twice.
 */
import { FIELD_TYPES, type FieldRule, type FieldType, type Row } from "../../sdk/index.ts";
import type { MappingStep } from "../row-program.ts";

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

const CONVERTERS: Readonly<Record<FieldType, Convert>> = {
  string: (value) =>
    typeof value === "string" ? value : typeof value === "object" ? JSON.stringify(value) : String(value),
  integer: (value) => toNumber(value, true),
  number: (value) => toNumber(value, false),
  boolean: (value) => (typeof value === "string" ? TRUE_TEXTS.has(value.toLowerCase()) : Boolean(value)),
};

/** `name` or `name:type`; a type that is unknown converts nothing. */
function readStep(target: readonly string[], source: string): MappingStep {
  const colon = source.lastIndexOf(":");
  if (colon < 0) return { target, source };
  const type = FIELD_TYPES.get(source.slice(colon + 1));
  return { target, source: source.slice(0, colon), ...(type === undefined ? {} : { type }) };
}

function compile(rule: FieldRule): MappingStep | undefined {
  if (rule.to === "") return undefined;
  const target = rule.to.split(".");
  const source = rule.source[0];
  if (rule.hardcodedValue === undefined) return source === undefined ? undefined : readStep(target, source);
  // Null means that the rule yields nothing.
  const value = rule.hardcodedValue.value ?? undefined;
  const constant = value === undefined ? undefined : JSON.stringify(value);
  return constant === undefined ? undefined : { target, constant };
}

/** undefined = leave the target out. */
function readValue({ constant, source, type }: MappingStep, row: Row): unknown {
  if (constant !== undefined) return JSON.parse(constant);
  const value = source !== undefined && Object.hasOwn(row, source) ? row[source] : undefined;
  if (value === undefined || value === null) return undefined;
  return type === undefined ? value : CONVERTERS[type](value);
}

type Nested = Record<string, unknown>;

/** False when a parent of the target is no object. */
function assign(mapped: Nested, target: readonly string[], value: unknown): boolean {
  let at = mapped;
  for (const segment of target.slice(0, -1)) {
    const inner = Object.hasOwn(at, segment) ? at[segment] : undefined;
    if (inner !== undefined && (typeof inner !== "object" || inner === null || Array.isArray(inner))) return false;
    // A copy: an object that came out of the row belongs to everybody.
    const next: Nested = { ...(inner as Nested | undefined) };
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

/**
 * A word of an audit to the receiver, no field of the source: without it everything in a directory that could not be
 * listed would count as gone. So it passes through whatever the rules list, unless one of them makes it itself.
 */
const AUDIT_SKIPPED = "audit_skipped";

function stepsOf(rules: readonly FieldRule[]): readonly MappingStep[] {
  const steps = rules.map(compile).filter((step) => step !== undefined);
  const isMade = steps.some(({ target }) => target[0] === AUDIT_SKIPPED);
  return steps.length === 0 || isMade ? steps : [...steps, { target: [AUDIT_SKIPPED], source: AUDIT_SKIPPED }];
}

export class FieldMapper {
  /** What is left of the rules: the program that `map` runs. */
  readonly steps: readonly MappingStep[];
  readonly #onConflict: (target: string) => void;
  readonly #reported = new Set<string>();

  /** `onConflict` hears once of each target whose parent is a scalar; the rule is skipped there. */
  constructor(rules: readonly FieldRule[], onConflict: (target: string) => void = () => undefined) {
    this.steps = stepsOf(rules);
    this.isIdentity = rules.length === 0;
    this.#onConflict = onConflict;
  }

  /** No rules: rows pass unchanged. */
  readonly isIdentity: boolean;

  map(row: Row): Row {
    if (this.isIdentity) return row;
    const mapped: Nested = {};
    for (const step of this.steps) {
      const value = readValue(step, row);
      if (value !== undefined && !assign(mapped, step.target, value)) this.reportConflict(step);
    }
    return mapped;
  }

  /** A target lies below a plain value. Called once for each target. */
  reportConflict(step: MappingStep): void {
    const target = step.target.join(".");
    if (this.#reported.has(target)) return;
    this.#reported.add(target);
    this.#onConflict(target);
  }
}
