import { createHash } from "node:crypto";
import type { PipeConfig, SourceConfig } from "../config/model.ts";

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
  return digestOf([driver, uri, credential ?? null, driverParams, maxQueueEvents, maxQueueBytes]);
}

/** What a pipe's rows are made of: with another one the receiver lacks rows, whatever position the source goes on at. */
export const rowsSignature = (source: SourceConfig, pipe: PipeConfig): string =>
  digestOf([source.driver, source.uri, source.driverParams, pipe.fieldsMapping]);

const digestOf = (facts: readonly unknown[]): string =>
  createHash("sha256")
    .update(JSON.stringify(facts.map(canonical)))
    .digest("hex");
