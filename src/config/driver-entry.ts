/**
 * What sources and senders have in common: a driver with its address, credential and parameters, and whether the entry
 * is in use.
 */

import { type DriverRegistry, unknownDriver } from "../drivers/registry.ts";
import type { AnyDriverModule, Credential, DriverEntry, DriverKind, DriverParams, EntryCheck } from "../sdk/index.ts";
import { omitUndefined } from "../sdk/omit-undefined.ts";
import { text } from "../sdk/values.ts";
import type { Place, Problems } from "../yaml/problem.ts";
import { isNull, toPlain } from "../yaml/tree.ts";
import { checkFields } from "./check.ts";
import { readCredential } from "./credential.ts";
import { paramKeys, presetsOf } from "./driver-keys.ts";
import { peekDriver } from "./driver-name.ts";
import type { RawEntry } from "./entries.ts";
import { entryCheck } from "./entry-check.ts";
import { type Field, type Fields, type KeyTable, placeOf, readFields } from "./fields.ts";
import { MISPLACED_KEYS } from "./known-keys.ts";
import type { Written } from "./model.ts";
import { enabledSchema, uriSchema } from "./schemas.ts";
import { expandSecrets, type SecretReader } from "./secrets.ts";
import { noteExpanded, notingPlaceholders } from "./written.ts";

export interface ReadContext {
  readonly problems: Problems;
  readonly secrets: SecretReader;
  readonly drivers: DriverRegistry;
  /** Keys beside the sections that stand in for parameters of drivers. */
  readonly agentWide: Readonly<Record<string, unknown>>;
}

export interface DriverSection<M extends AnyDriverModule = AnyDriverModule> {
  readonly kind: DriverKind;
  /** The keys of an entry. */
  readonly keys: KeyTable;
  find(name: string): M | undefined;
}

/** An entry as far as it concerns its driver. */
export interface ReadEntry<M extends AnyDriverModule> {
  readonly fields: Fields;
  readonly paramFields: Fields;
  readonly enabled: boolean;
  readonly driver: string | undefined;
  /** Undefined for a driver that is not there. */
  readonly module: M | undefined;
  /** Undefined when an error was recorded. */
  readonly checked: DriverEntry | undefined;
  /** Undefined when nothing was written with placeholders. */
  readonly written: readonly Written[] | undefined;
}

/** Reads what every entry with a driver has. Everything that is wrong is recorded, and all of it at once. */
export function readDriverEntry<M extends AnyDriverModule>(
  entry: RawEntry,
  section: DriverSection<M>,
  outer: ReadContext,
): ReadEntry<M> {
  const { problems } = outer;
  const { secrets, written } = notingPlaceholders(outer.secrets);
  const context = { ...outer, secrets };
  const driver = peekDriver(entry.block);
  const module = driver === undefined ? undefined : section.find(driver);
  const elsewhere = new Map([
    ...MISPLACED_KEYS,
    ...Object.keys(module === undefined ? {} : paramKeys(module)).map(
      (key) => [key, "move it below driver_params"] as const,
    ),
  ]);
  const fields = readFields(entry.block, entry.path, section.keys, problems, { flatten: ["config"], elsewhere });
  const enabled = readEnabled(fields, entry, problems) ?? true;
  checkDriver(section.kind, fields, entry, enabled, context);
  const credentialField = fields.get("credential");
  const credential = credentialField && readCredential(credentialField, secrets, problems);
  const uri = readUri(module, fields, entry, context);
  const { params, paramFields } = readParams(module, fields, entry, section.keys, context);
  noteExpanded(written, "uri", plainText(fields.get("uri")), uri);
  const onExpanded = (key: string, text: string, value: string | undefined) => noteExpanded(written, key, text, value);
  const check = entryCheck({ entry, fields, paramFields }, secrets, problems, onExpanded);
  const checked = checkEntry(module, omitUndefined({ uri, credential, params }), check);
  return { fields, paramFields, enabled, driver, module, checked, written: written.length === 0 ? undefined : written };
}

/**
 * Complains about a driver that is missing or not there. An entry that is switched off may name one that is installed
 * elsewhere.
 */
function checkDriver(
  kind: DriverKind,
  fields: Fields,
  entry: RawEntry,
  enabled: boolean,
  { drivers, problems }: ReadContext,
): void {
  const field = fields.get("driver");
  const known = drivers.names(kind);
  if (field === undefined || isNull(field.node)) {
    problems.error(field ?? entry, `"driver" is missing`, `add driver: ${known[0]}`);
    return;
  }
  const name = text.safeParse(toPlain(field.node));
  if (!name.success) {
    problems.error(field, "is no driver's name", `write one of ${known.join(", ")}`);
    return;
  }
  if (known.includes(name.data)) return;
  const [what, cure] = unknownDriver(drivers, kind, name.data);
  if (enabled) problems.error(field, what, cure.endsWith("?") ? cure : `${cure}, or set enabled: false`);
  else problems.warn(field, what, cure);
}

const plainText = (field: Field | undefined): string | undefined =>
  field?.node.kind === "scalar" ? String(field.node.value) : undefined;

/** With placeholders replaced; undefined when a problem was recorded. */
function readUri(
  module: AnyDriverModule | undefined,
  fields: Fields,
  entry: RawEntry,
  { secrets, problems }: ReadContext,
): string | undefined {
  const field = fields.get("uri");
  if (module?.defaultUri !== undefined && (field === undefined || isNull(field.node))) return module.defaultUri;
  const own = new Map(field === undefined ? [] : [["uri", field] as const]);
  const written = checkFields(uriSchema, own, entry, problems)?.uri;
  return written === undefined ? undefined : expandSecrets(written, placeOf(fields, "uri", entry), secrets, problems);
}

/** Without a module the parameters are as written: they are the business of a driver that is not there. */
function readParams(
  module: AnyDriverModule | undefined,
  fields: Fields,
  entry: RawEntry,
  entryKeys: KeyTable,
  { agentWide, problems }: ReadContext,
): { readonly params: DriverParams | undefined; readonly paramFields: Fields } {
  const field = fields.get("driver_params");
  const block = field?.node.kind === "map" ? field.node : undefined;
  const none: Fields = new Map();
  if (module === undefined) {
    return { params: block === undefined ? {} : (toPlain(block) as DriverParams), paramFields: none };
  }
  const outer = Object.keys(entryKeys).map((key) => [key, "move it up, beside driver_params"] as const);
  const elsewhere = new Map([...MISPLACED_KEYS, ...outer]);
  const paramFields =
    field === undefined || block === undefined
      ? none
      : readFields(block, field.path, paramKeys(module), problems, { elsewhere });
  const presets = presetsOf(module, agentWide);
  const params = checkFields(module.schema, paramFields, field ?? entry, problems, presets);
  return { params, paramFields };
}

function checkEntry(
  module: AnyDriverModule | undefined,
  written: { readonly uri?: string; readonly credential?: Credential; readonly params?: DriverParams },
  check: EntryCheck,
): DriverEntry | undefined {
  if (module?.check !== undefined) return module.check(written, check);
  const { uri, params } = written;
  return uri === undefined || params === undefined ? undefined : { ...written, uri, params };
}

/** `enabled` and its inverse `disabled`; undefined when neither is given. */
export function readEnabled(fields: Fields, block: Place, problems: Problems): boolean | undefined {
  const switches = new Map([...fields].filter(([name]) => name === "enabled" || name === "disabled"));
  const values = checkFields(enabledSchema, switches, block, problems);
  if (values === undefined) return undefined;
  const { enabled, disabled } = values;
  if (enabled !== undefined && enabled === disabled) {
    problems.error(placeOf(fields, "disabled", block), `contradicts "enabled"`, "keep one of them");
  }
  if (enabled !== undefined) return enabled;
  return disabled === undefined ? undefined : !disabled;
}
