/** `fields_mapping`: a projection of rows. An empty list passes rows unchanged, otherwise only the targets are sent. */

import { nearest } from "../sdk/did-you-mean.ts";
import { FIELD_TYPES, type FieldRule } from "../sdk/index.ts";
import { type Place, type Problems, quoted } from "../yaml/problem.ts";
import { type ConfigNode, isNull, toPlain } from "../yaml/tree.ts";
import { checkFields } from "./check.ts";
import { type Field, readFields } from "./fields.ts";
import { FIELD_RULE_KEYS } from "./known-keys.ts";
import { fieldRuleSchema } from "./schemas.ts";

const TYPES = [...FIELD_TYPES.keys()];

/** The rules that can be used; every other one is recorded as a problem. */
export function readFieldsMapping(field: Field, problems: Problems): readonly FieldRule[] {
  if (isNull(field.node)) return [];
  if (field.node.kind !== "list") {
    problems.error(field, "is not a list of rules", `write "- to: ..." and "source: [...]" below it`);
    return [];
  }
  const rules = field.node.items.flatMap((item, index) => {
    const at: Place = { origin: item.origin, path: `${field.path}[${index}]` };
    const rule = readRule(item, at, problems);
    return rule === undefined ? [] : [{ rule, at }];
  });
  warnOfClashes(rules, problems);
  return rules.map(({ rule }) => rule);
}

/** A mapping that does not carry the row's key on makes every delete an empty row. */
export const dropsField = (rules: readonly FieldRule[], name: string): boolean =>
  rules.length > 0 && !rules.some((rule) => carries(rule, name));

const carries = ({ to, source, hardcodedValue }: FieldRule, name: string): boolean =>
  to === name && hardcodedValue === undefined && source[0]?.split(":")[0] === name;

function readRule(item: ConfigNode, at: Place, problems: Problems): FieldRule | undefined {
  if (item.kind !== "map") {
    problems.error(at, "is no rule", `write "to: ..." and "source: [...]"`);
    return undefined;
  }
  const fields = readFields(item, at.path, FIELD_RULE_KEYS, problems);
  const values = checkFields(fieldRuleSchema, fields, at, problems);
  if (values === undefined) return undefined;
  // A null is a constant here, not a value that was forgotten.
  const constant = fields.get("hardcoded_value");
  const hardcoded = constant === undefined ? {} : { hardcodedValue: { value: toPlain(constant.node) } };
  const source = values.source ?? [];
  if (constant === undefined && source.length === 0) {
    problems.error(at, "has neither a source nor a hardcoded_value", "add source: [name]");
    return undefined;
  }
  if (values.required === true) {
    problems.warn(
      fields.get("required") ?? at,
      "has no effect here",
      "a missing field is left out of the row; remove it",
    );
  }
  if (!targetFits(values.to, fields.get("to") ?? at, problems)) return undefined;
  if (!sourceFits(source, fields.get("source") ?? at, problems)) return undefined;
  return { to: values.to, source, ...hardcoded };
}

function targetFits(to: string, at: Place, problems: Problems): boolean {
  if (to.split(".").every((step) => step !== "" && step !== "__proto__")) return true;
  problems.error(at, "is no name of a field", "write a name, or names joined by single dots");
  return false;
}

function sourceFits(source: readonly string[], at: Place, problems: Problems): boolean {
  if (source.length > 1) problems.warn(at, "names several fields", "only the first one is read");
  const [, type] = (source[0] ?? "").split(":", 2);
  if (type === undefined || TYPES.includes(type)) return true;
  const similar = nearest(type, TYPES);
  const cure = similar === undefined ? `known are ${TYPES.join(", ")}` : `did you mean ${quoted(similar)}?`;
  problems.error(at, `names the unknown type ${quoted(type)}`, cure);
  return false;
}

function warnOfClashes(rules: readonly { rule: FieldRule; at: Place }[], problems: Problems): void {
  const seen = new Set<string>();
  for (const { rule, at } of rules) {
    const parents = rule.to.split(".").map((_, index, steps) => steps.slice(0, index).join("."));
    const below = [...seen].some((other) => other.startsWith(`${rule.to}.`));
    if (seen.has(rule.to) || below || parents.some((parent) => seen.has(parent))) {
      problems.warn(
        at,
        `writes to ${quoted(rule.to)}, where an earlier rule writes as well`,
        "give each rule a place of its own",
      );
    }
    seen.add(rule.to);
  }
}
