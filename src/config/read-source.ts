/** One block of `sources`. */

import { omitUndefined } from "../sdk/index.ts";
import { checkFields } from "./check.ts";
import { type ReadContext, readDriverEntry } from "./driver-entry.ts";
import type { RawEntry } from "./entries.ts";
import { SOURCE_KEYS } from "./known-keys.ts";
import type { SourceConfig } from "./model.ts";
import { sourceSchema } from "./schemas.ts";

/** The source, or undefined when it cannot be used: every reason is then recorded. */
export function readSource(entry: RawEntry, context: ReadContext): SourceConfig | undefined {
  const find = (name: string) => context.drivers.source(name);
  const read = readDriverEntry(entry, { kind: "source", keys: SOURCE_KEYS, find }, context);
  const values = checkFields(sourceSchema, read.fields, entry, context.problems);
  const { driver, checked, enabled } = read;
  if (driver === undefined || values === undefined || checked === undefined) return undefined;
  return omitUndefined({
    id: entry.id,
    driver,
    uri: checked.uri,
    credential: checked.credential,
    maxQueueEvents: values.max_queue_size,
    maxQueueBytes: values.max_queue_bytes,
    disabled: !enabled,
    driverParams: checked.params,
    written: read.written,
    origin: entry.origin,
  });
}
