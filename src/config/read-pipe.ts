/** One block of `pipes`, and what its references lead to. */

import { nearest } from "../sdk/did-you-mean.ts";
import { omitUndefined } from "../sdk/index.ts";
import { type Place, type Problems, quoted } from "../yaml/problem.ts";
import { checkFields } from "./check.ts";
import { type ReadContext, readEnabled } from "./driver-entry.ts";
import type { RawEntry } from "./entries.ts";
import { type Fields, placeOf, readFields } from "./fields.ts";
import { dropsField, readFieldsMapping } from "./fields-mapping.ts";
import { PIPE_KEYS } from "./known-keys.ts";
import type { PipeConfig, SourceConfig } from "./model.ts";
import { pipeSchema } from "./schemas.ts";

/** What is declared under an id, also when it cannot be used itself. */
export interface Declared {
  readonly sources: ReadonlySet<string>;
  readonly senders: ReadonlySet<string>;
  /** The usable ones. */
  readonly usableSources: ReadonlyMap<string, SourceConfig>;
}

/** The pipe, or undefined when it cannot be used: every reason is then recorded. */
export function readPipe(entry: RawEntry, declared: Declared, context: ReadContext): PipeConfig | undefined {
  const { problems } = context;
  const fields = readFields(entry.block, entry.path, PIPE_KEYS, problems, { flatten: ["config"] });
  const values = checkFields(pipeSchema, fields, entry, problems);
  const enabled = readEnabled(fields, entry, problems) ?? entry.form === "dict";
  const mapping = fields.get("fields_mapping");
  const rules = mapping === undefined ? [] : readFieldsMapping(mapping, problems);
  if (values === undefined) return undefined;
  const known = [
    refersTo(values.source, declared.sources, "source", placeOf(fields, "source", entry), problems),
    refersTo(values.sender, declared.senders, "sender", placeOf(fields, "sender", entry), problems),
  ];
  if (!known.every(Boolean)) return undefined;
  const source = declared.usableSources.get(values.source);
  const key = source && context.drivers.source(source.driver)?.rowKey;
  if (mapping !== undefined && key !== undefined && dropsField(rules, key)) {
    problems.warn(mapping, `drops "${key}"`, `deletes will be empty rows; add {to: ${key}, source: [${key}]}`);
  }
  const timeout = wholeTimeout(values.session_timeout_seconds, fields, entry, problems);
  return omitUndefined({
    id: entry.id,
    source: values.source,
    sender: values.sender,
    enabled,
    form: entry.form,
    auditIntervalMs: milliseconds(values.audit_interval_sec),
    sentinelIntervalMs: milliseconds(values.sentinel_interval_sec),
    snapshotPauseLagMs: values.snapshot_pause_lag_ms,
    sessionTimeoutSeconds: timeout,
    errorRetryIntervalMs: milliseconds(values.error_retry_interval),
    maxConsecutiveErrors: values.max_consecutive_errors,
    backoffMultiplier: values.backoff_multiplier,
    maxBackoffMs: milliseconds(values.max_backoff_seconds),
    fieldsMapping: rules,
    batchEvents: values.batch_size,
    origin: entry.origin,
  });
}

/** A fraction of a millisecond above 0 must not become "off". */
const milliseconds = (seconds: number): number => Math.ceil(seconds * 1000);

/** Fusion takes whole seconds only and answers anything else with a refusal for ever. */
function wholeTimeout(
  seconds: number | undefined,
  fields: Fields,
  entry: Place,
  problems: Problems,
): number | undefined {
  if (seconds === undefined || Number.isInteger(seconds)) return seconds;
  const rounded = Math.ceil(seconds);
  const at = placeOf(fields, "session_timeout_seconds", entry);
  problems.warn(
    at,
    `${seconds} is no whole number, and Fusion takes only those`,
    `${rounded} is used; write ${rounded}`,
  );
  return rounded;
}

function refersTo(id: string, known: ReadonlySet<string>, kind: string, at: Place, problems: Problems): boolean {
  if (known.has(id)) return true;
  const similar = nearest(id, known);
  const list = [...known].slice(0, 20).join(", ");
  const hint = similar === undefined ? "" : `did you mean ${quoted(similar)}? `;
  const cure = known.size === 0 ? `define a ${kind} first` : `${hint}Known ${kind}s: ${list}`;
  problems.error(at, `refers to the unknown ${kind} ${quoted(id)}`, cure);
  return false;
}
