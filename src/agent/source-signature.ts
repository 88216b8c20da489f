import { createHash } from "node:crypto";
import type { SourceConfig } from "../config/model.ts";

/** Keys in order, so that two entries that say the same in another order are the same. */
function canonical(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(canonical);
  if (typeof value !== "object" || value === null) return value;
  const members = Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : Number(a > b)));
  return members.map(([key, member]) => [key, canonical(member)]);
}

/**
 * Sources with equal signatures are one source: opened once, with one bus. A digest, because the credential is part of
 * it.
 */
export function sourceSignature(source: SourceConfig): string {
  const { driver, uri, credential, driverParams, maxQueueEvents, maxQueueBytes } = source;
  const facts = [driver, uri, credential ?? null, driverParams, maxQueueEvents, maxQueueBytes].map(canonical);
  return createHash("sha256").update(JSON.stringify(facts)).digest("hex");
}
