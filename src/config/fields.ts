/** The keys of one block, checked against a table of known keys and brought to one name each. */

import { nearest } from "../sdk/did-you-mean.ts";
import { type Place, type Problems, quoted } from "../yaml/problem.ts";
import type { ConfigNode, MapNode } from "../yaml/tree.ts";

export interface KeyRule {
  /** The name under which the rest of the code knows it, when that is another. */
  readonly means?: string;
  /** An older spelling: accepted, with a note. */
  readonly older?: true;
  /** Known and harmless, but it changes nothing here; the reason and what does the work instead. */
  readonly noEffect?: string;
}

export type KeyTable = Readonly<Record<string, KeyRule>>;

export interface Field extends Place {
  /** The key as written. */
  readonly key: string;
  readonly node: ConfigNode;
}

export type Fields = ReadonlyMap<string, Field>;

export interface FieldOptions {
  /** Keys whose blocks are read as if their keys stood beside them. */
  readonly flatten?: readonly string[];
  /** Keys that belong elsewhere, with the place where they belong. */
  readonly elsewhere?: ReadonlyMap<string, string>;
}

/** Reads the keys of `map`. Keys without effect are left out of the result. */
export function readFields(
  map: MapNode,
  path: string,
  table: KeyTable,
  problems: Problems,
  options: FieldOptions = {},
): Fields {
  const fields = new Map<string, Field>();
  collect(map, path, table, problems, options, fields);
  return fields;
}

function collect(
  map: MapNode,
  path: string,
  table: KeyTable,
  problems: Problems,
  options: FieldOptions,
  fields: Map<string, Field>,
): void {
  for (const { key, keyOrigin, value } of map.entries) {
    const field: Field = { key, origin: keyOrigin, path: joinPath(path, key), node: value };
    if (options.flatten?.includes(key)) {
      collectBlock(field, table, problems, options, fields);
      continue;
    }
    const rule = Object.hasOwn(table, key) ? table[key] : undefined;
    if (rule === undefined) unknownKey(field, table, problems, options);
    else if (rule.noEffect !== undefined) problems.warn(field, "has no effect here", rule.noEffect);
    else addField(field, key, rule, problems, fields);
  }
}

function collectBlock(
  field: Field,
  table: KeyTable,
  problems: Problems,
  options: FieldOptions,
  fields: Map<string, Field>,
): void {
  if (field.node.kind === "map") {
    // One level only: a block inside the block is no known key.
    const { flatten: _, ...inner } = options;
    collect(field.node, field.path, table, problems, inner, fields);
  } else if (field.node.kind === "list" || field.node.value !== null) {
    problems.error(field, "is not a block of keys", "write its keys below it, indented");
  }
}

function addField(field: Field, key: string, rule: KeyRule, problems: Problems, fields: Map<string, Field>): void {
  const name = rule.means ?? key;
  if (rule.older) problems.warn(field, `is an older spelling of "${name}"`, `it works; write "${name}" when you can`);
  const other = fields.get(name);
  if (other !== undefined) {
    const twice = other.key === key ? "is given twice" : `says the same thing as "${other.key}"`;
    problems.error(field, `${twice} (line ${other.origin.line})`, "keep one of them");
    return;
  }
  fields.set(name, field);
}

function unknownKey(field: Field, table: KeyTable, problems: Problems, options: FieldOptions): void {
  const home = options.elsewhere?.get(field.key);
  if (home !== undefined) {
    problems.error(field, "does not belong here", home);
    return;
  }
  const similar = nearest(field.key, Object.keys(table));
  const cure =
    similar === undefined
      ? `remove it; known keys are ${usefulKeys(table).join(", ")}`
      : `did you mean ${quoted(similar)}?`;
  problems.error(field, "is not a known key", cure);
}

const usefulKeys = (table: KeyTable): readonly string[] =>
  Object.entries(table)
    .filter(([, rule]) => rule.noEffect === undefined && rule.older === undefined)
    .map(([key]) => key);

/** `a` and `b` as `a.b`; keys that are no plain words in brackets. */
export function joinPath(path: string, key: string): string {
  const step = /^[\w-]{1,80}$/.test(key) ? key : `[${quoted(key)}]`;
  if (path === "") return step;
  return step.startsWith("[") ? `${path}${step}` : `${path}.${step}`;
}

/** Where to point for a field that may be missing: itself, else its block. */
export const placeOf = (fields: Fields, name: string, block: Place): Place => fields.get(name) ?? block;
