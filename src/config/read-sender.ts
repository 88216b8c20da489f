/** One block of `senders`. */

import type { z } from "zod";
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
import { driverParamKeys, SENDER_KEYS } from "./known-keys.ts";
import type { Credential, SenderConfig } from "./model.ts";
import { proxyFor } from "./proxy.ts";
import { echoParamsSchema, fusionParamsSchema, SENDER_DEFAULTS, senderSchema } from "./schemas.ts";
import { expandSecrets } from "./secrets.ts";
import { isNull } from "./tree.ts";
import { baseUrlOf, isLoopback, withoutTrailingSlash } from "./uris.ts";

/** What is shorter guards nothing, and cannot be taken out of messages without garbling them. */
const LEAST_KEY_CHARS = 6;

const isFusion = (driver: string | undefined): boolean => driver === "fusion" || driver === "http";

/** The sender, or undefined when it cannot be used: every reason is then recorded. */
export function readSender(entry: RawEntry, context: ReadContext): SenderConfig | undefined {
  const { problems } = context;
  const driver = peekDriver(entry.block);
  const fields = readFields(entry.block, entry.path, SENDER_KEYS, problems, {
    flatten: ["config"],
    elsewhere: driverParamHomes("sender", driver),
  });
  const values = checkFields(senderSchema, fields, entry, problems);
  const params = readParams(driver, fields, context);
  const enabled = readEnabled(fields, entry, problems) ?? true;
  checkDriver("sender", fields, entry, enabled, problems);
  const credentialField = fields.get("credential");
  const credential = credentialField && readCredential(credentialField, context.secrets, problems);
  const uri = readUri(driver, fields, entry, credential, context);
  if (isFusion(driver)) checkFusionCredential(fields, entry, credential, context);
  const proxy =
    isFusion(driver) && uri !== undefined ? readProxy(uri, params?.plain.proxy, fields, entry, context) : {};
  if (driver === undefined || values === undefined || params === undefined || uri === undefined) return undefined;
  return {
    id: entry.id,
    driver,
    uri,
    ...(credential === undefined ? {} : { credential }),
    ...limits(values, params.limits),
    disabled: !enabled,
    driverParams: { ...withoutProxy(params.plain), ...proxy },
    origin: entry.origin,
  };
}

/** The one that leads to the far side, by the configuration or the environment: part of what a reload compares. */
function readProxy(
  uri: string,
  written: unknown,
  fields: Fields,
  entry: RawEntry,
  { secrets, problems }: ReadContext,
): { readonly proxy?: string } {
  const params = fields.get("driver_params");
  const at = { origin: (params ?? entry).origin, path: `${(params ?? entry).path}.proxy` };
  const text = typeof written === "string" ? expandSecrets(written, at, secrets, problems) : undefined;
  if (typeof written === "string" && text === undefined) return {};
  const read = (name: string): string | undefined => secrets.variable(name);
  const proxy = proxyFor({ target: new URL(uri), written: text, at, read }, problems);
  return proxy === undefined ? {} : { proxy };
}

function withoutProxy({ proxy: _proxy, ...others }: Params["plain"]): Params["plain"] {
  return others;
}

type Limits = Partial<z.output<typeof fusionParamsSchema>>;

interface Params {
  readonly plain: Readonly<Record<string, unknown>>;
  readonly limits: Limits;
}

function readParams(driver: string | undefined, fields: Fields, { problems }: ReadContext): Params | undefined {
  const table = driver === undefined ? undefined : driverParamKeys("sender", driver);
  if (!isFusion(driver)) {
    const params = readDriverParams(table, echoParamsSchema, fields, SENDER_KEYS, problems);
    return params && { plain: params.plain, limits: {} };
  }
  const params = readDriverParams(table, fusionParamsSchema, fields, SENDER_KEYS, problems);
  for (const [name, field] of params?.fields ?? []) {
    const outer = fields.get(name === "timeout" ? "timeout_sec" : name);
    if (outer !== undefined) problems.warn(outer, `is overridden by ${field.path}`, "keep one of them");
  }
  return params && { plain: params.plain, limits: params.checked };
}

/** What stands below `driver_params` wins: there the Python agent looks. */
function limits(values: z.output<typeof senderSchema>, params: Limits) {
  const timeout = params.timeout ?? values.timeout_sec ?? SENDER_DEFAULTS.timeoutSeconds;
  return {
    batchEvents: values.batch_size,
    batchBytes: params.batch_bytes ?? values.batch_bytes ?? SENDER_DEFAULTS.batchBytes,
    eventRows: params.event_rows ?? values.event_rows ?? SENDER_DEFAULTS.eventRows,
    timeoutMs: Math.ceil(timeout * 1000),
  };
}

function readUri(
  driver: string | undefined,
  fields: Fields,
  entry: RawEntry,
  credential: Credential | undefined,
  context: ReadContext,
): string | undefined {
  const { problems } = context;
  const at = placeOf(fields, "uri", entry);
  const written = textField(fields, "uri");
  if (written === undefined) return missingUri(driver, fields, entry, context);
  const uri = expandSecrets(written, at, context.secrets, problems);
  if (uri === undefined || !isFusion(driver)) return uri;
  const url = baseUrlOf(uri, at, problems);
  if (url?.protocol === "http:" && credential !== undefined && !isLoopback(url)) {
    problems.warn(at, "sends the key over plain http to another machine", "use https, or a tunnel");
  }
  return url && withoutTrailingSlash(url);
}

/** Only `echo` has nowhere to send to. */
function missingUri(
  driver: string | undefined,
  fields: Fields,
  entry: RawEntry,
  { problems }: ReadContext,
): string | undefined {
  const field = fields.get("uri");
  if (driver === "echo" && (field === undefined || isNull(field.node))) return "echo:";
  if (field === undefined) problems.error(entry, `"uri" is missing`, "add uri: ... (or endpoint: ...)");
  else
    problems.error(field, isNull(field.node) ? "has no value" : "is not text", "write the address of the other side");
  return undefined;
}

function checkFusionCredential(
  fields: Fields,
  entry: RawEntry,
  credential: Credential | undefined,
  { problems }: ReadContext,
): void {
  const field = fields.get("credential");
  if (field === undefined || isNull(field.node)) {
    problems.warn(
      field ?? entry,
      "has no credential",
      "Fusion refuses agents without a key; add credential: {key: ...}",
    );
  } else if (credential?.kind === "password") {
    problems.error(field, "is a user and password, but Fusion takes a key", "write credential: {key: ...}");
  } else if (credential !== undefined && credential.key.length < LEAST_KEY_CHARS) {
    problems.error(
      field,
      `is too short to be a key (less than ${LEAST_KEY_CHARS} characters)`,
      "copy the key again, or give Fusion a longer one",
    );
  } else if (credential !== undefined && !/^[\x21-\x7e]+$/.test(credential.key)) {
    problems.error(
      field,
      "holds a space or a letter outside ASCII, which no HTTP header carries",
      "copy the key again",
    );
  }
}
