/** One block of `sources`. */

import { checkFields } from "./check.ts";
import { readCredential } from "./credential.ts";
import {
  checkDriver,
  driverParamHomes,
  peekDriver,
  type ReadContext,
  readDriverParams,
  readEnabled,
  textField,
} from "./driver-entry.ts";
import type { RawEntry } from "./entries.ts";
import { type Fields, placeOf, readFields } from "./fields.ts";
import { driverParamKeys, SOURCE_KEYS } from "./known-keys.ts";
import type { SourceConfig } from "./model.ts";
import { fsParamsSchema, sourceSchema } from "./schemas.ts";
import { expandSecrets } from "./secrets.ts";
import { directoryOf } from "./uris.ts";

/** The source, or undefined when it cannot be used: every reason is then recorded. */
export function readSource(entry: RawEntry, context: ReadContext): SourceConfig | undefined {
  const { problems } = context;
  const driver = peekDriver(entry.block);
  const fields = readFields(entry.block, entry.path, SOURCE_KEYS, problems, {
    flatten: ["config"],
    elsewhere: driverParamHomes("source", driver),
  });
  const values = checkFields(sourceSchema, fields, entry, problems);
  const table = driver === undefined ? undefined : driverParamKeys("source", driver);
  const params = readDriverParams(table, fsParamsSchema, fields, SOURCE_KEYS, problems);
  const enabled = readEnabled(fields, entry, problems) ?? true;
  checkDriver("source", fields, entry, enabled, problems);
  const uri = readUri(driver, fields, entry, context);
  const credentialField = fields.get("credential");
  const credential = credentialField && readCredential(credentialField, context.secrets, problems);
  if (driver === undefined || values === undefined || params === undefined || uri === undefined) return undefined;
  return {
    id: entry.id,
    driver,
    uri,
    ...(credential === undefined ? {} : { credential }),
    maxQueueEvents: values.max_queue_size,
    maxQueueBytes: values.max_queue_bytes,
    disabled: !enabled,
    driverParams: params.plain,
    origin: entry.origin,
  };
}

function readUri(
  driver: string | undefined,
  fields: Fields,
  entry: RawEntry,
  context: ReadContext,
): string | undefined {
  const written = textField(fields, "uri");
  if (written === undefined) return undefined;
  const at = placeOf(fields, "uri", entry);
  const uri = expandSecrets(written, at, context.secrets, context.problems);
  return uri === undefined || driver !== "fs" ? uri : directoryOf(uri, at, context.problems);
}
