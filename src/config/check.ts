/** Runs a schema over the fields of a block and puts every complaint at the key it is about. */

import type { z } from "zod";
import type { Place, Problems } from "../yaml/problem.ts";
import { isNull, originWithin, toPlain } from "../yaml/tree.ts";
import { type Fields, joinPath } from "./fields.ts";

/**
 * The values, or undefined when at least one does not fit: each of those is then recorded. A null counts as not given,
 * and `presets` stand in for what is not given.
 */
export function checkFields<S extends z.ZodType>(
  schema: S,
  fields: Fields,
  block: Place,
  problems: Problems,
  presets: Readonly<Record<string, unknown>> = {},
): z.output<S> | undefined {
  const written = [...fields].filter(([, field]) => !isNull(field.node));
  const values = { ...presets, ...Object.fromEntries(written.map(([name, field]) => [name, toPlain(field.node)])) };
  const result = schema.safeParse(values);
  if (result.success) return result.data;
  for (const issue of result.error.issues) report(issue, fields, values, block, problems);
  return undefined;
}

function report(
  issue: z.core.$ZodIssue,
  fields: Fields,
  values: Readonly<Record<string, unknown>>,
  block: Place,
  problems: Problems,
): void {
  const [what = "", cure = "see docs/config.md"] = issue.message.split("; ", 2);
  const [name, ...rest] = issue.path.map(String);
  if (name === undefined) {
    problems.error(block, what, cure);
    return;
  }
  const field = fields.get(name);
  if (!Object.hasOwn(values, name)) {
    const isAbsent = field === undefined;
    const addition = isAbsent ? `add ${name}: ...` : "give it a value";
    problems.error(field ?? block, isAbsent ? `"${name}" is missing` : "has no value", addition);
    return;
  }
  if (field === undefined) return;
  const path = rest.reduce(
    (joined, step) => (/^\d+$/.test(step) ? `${joined}[${step}]` : joinPath(joined, step)),
    field.path,
  );
  problems.error(
    { origin: rest.length === 0 ? field.origin : originWithin(field.node, issue.path.slice(1)), path },
    what,
    cure,
  );
}
