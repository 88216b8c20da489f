/** Runs a schema over the fields of a block and puts every complaint at the key it is about. */

import type { z } from "zod";
import { type Fields, joinPath } from "./fields.ts";
import type { Place, Problems } from "./problem.ts";
import { isNull, originWithin, toPlain } from "./tree.ts";

/** The values, or undefined when at least one does not fit: each of those is then recorded. A null counts as not given. */
export function checkFields<S extends z.ZodType>(
  schema: S,
  fields: Fields,
  block: Place,
  problems: Problems,
): z.output<S> | undefined {
  const values = Object.fromEntries(
    [...fields].filter(([, field]) => !isNull(field.node)).map(([name, field]) => [name, toPlain(field.node)]),
  );
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
  const [name = "", ...rest] = issue.path.map(String);
  const field = fields.get(name);
  if (!Object.hasOwn(values, name)) {
    const cure = field === undefined ? `add ${name}: ...` : "give it a value";
    problems.error(field ?? block, field === undefined ? `"${name}" is missing` : "has no value", cure);
    return;
  }
  if (field === undefined) return;
  const [what = "", cure = "see docs/config.md"] = issue.message.split("; ", 2);
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
