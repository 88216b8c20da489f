/** The value of a row: what is true of the entry, in a form that does not depend on the way it came. */
import type { Row } from "fustor-agent/sdk";

/** Members by which audits speak to a receiver. */
const OF_AUDITS = ["parent_path", "parent_mtime", "audit_skipped"];

/**
 * Rows in bulk do not say that no program writes to the file, so neither do others: `is_atomic_write` is there when it is
 * false. Otherwise each audit would change the values of all that changed before.
 */
export function valueBytes(row: Row, schema: string): Buffer {
  return Buffer.from(JSON.stringify(schema === "fs" ? factsOf(row) : row), "utf8");
}

function factsOf(row: Row): Row {
  const isPlain = row.is_atomic_write !== true && !OF_AUDITS.some((name) => name in row);
  if (isPlain) return row;
  const facts: Record<string, unknown> = { ...row };
  for (const name of OF_AUDITS) delete facts[name];
  if (facts.is_atomic_write === true) delete facts.is_atomic_write;
  return facts;
}
