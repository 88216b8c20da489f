/** What sources and senders have in common: a driver, its parameters, and whether the entry is in use. */

import type { z } from "zod";
import { checkFields } from "./check.ts";
import type { RawEntry } from "./entries.ts";
import { type Fields, type KeyTable, placeOf, readFields } from "./fields.ts";
import { type DriverKind, driverParamKeys, MISPLACED_KEYS, ownDrivers } from "./known-keys.ts";
import { type Place, type Problems, quoted } from "./problem.ts";
import { enabledSchema, text } from "./schemas.ts";
import type { SecretReader } from "./secrets.ts";
import { nearest } from "./suggest.ts";
import { isNull, type MapNode, toPlain } from "./tree.ts";

export interface ReadContext {
  readonly problems: Problems;
  readonly secrets: SecretReader;
}

/** Looks for the driver before the keys are checked: what is known depends on it. */
export function peekDriver(block: MapNode): string | undefined {
  for (const { key, value } of block.entries) {
    if (key === "config" && value.kind === "map") {
      const inner = peekDriver(value);
      if (inner !== undefined) return inner;
    }
    if (["driver", "type", "driver_type"].includes(key) && value.kind === "scalar" && typeof value.value === "string") {
      return value.value.trim() === "" ? undefined : value.value;
    }
  }
  return undefined;
}

/** Complains about a driver that is missing or not there. An entry that is switched off may name one that is installed elsewhere. */
export function checkDriver(
  kind: DriverKind,
  fields: Fields,
  entry: RawEntry,
  enabled: boolean,
  problems: Problems,
): void {
  const field = fields.get("driver");
  if (field === undefined || isNull(field.node)) {
    problems.error(field ?? entry, `"driver" is missing`, `add driver: ${ownDrivers(kind)[0]}`);
    return;
  }
  const name = text.safeParse(toPlain(field.node));
  if (!name.success) {
    problems.error(field, "is no driver's name", `write one of ${ownDrivers(kind).join(", ")}`);
    return;
  }
  if (ownDrivers(kind).includes(name.data)) return;
  const similar = nearest(name.data, ownDrivers(kind));
  const what = `there is no ${kind} driver ${quoted(name.data)}`;
  const known = `write one of ${ownDrivers(kind).join(", ")}`;
  const cure = similar === undefined ? `${known}, or set enabled: false` : `did you mean ${quoted(similar)}?`;
  if (enabled) problems.error(field, what, cure);
  else problems.warn(field, what, cure);
}

/**
 * `driver_params` as plain values. Those of our drivers are checked, of the right type, and without the keys that have no
 * effect; anybody else's are as written. Undefined when a problem was recorded.
 */
export function readDriverParams<S extends z.ZodType<object>>(
  table: KeyTable | undefined,
  schema: S,
  fields: Fields,
  entryKeys: KeyTable,
  problems: Problems,
):
  | {
      readonly plain: Readonly<Record<string, unknown>>;
      readonly checked: Partial<z.output<S>>;
      readonly fields: Fields;
    }
  | undefined {
  const field = fields.get("driver_params");
  const none = { plain: {}, checked: {}, fields: new Map() };
  if (field === undefined || field.node.kind !== "map") return none;
  const plain = toPlain(field.node) as Readonly<Record<string, unknown>>;
  if (table === undefined) return { ...none, plain };
  const entry = Object.keys(entryKeys).map((key) => [key, "move it up, beside driver_params"] as const);
  const elsewhere = new Map([...MISPLACED_KEYS, ...entry]);
  const params = readFields(field.node, field.path, table, problems, { elsewhere });
  const checked = checkFields(schema, params, field, problems);
  return checked === undefined
    ? undefined
    : { plain: checked as Readonly<Record<string, unknown>>, checked, fields: params };
}

/** Keys that were written beside the block they belong into. */
export function driverParamHomes(kind: DriverKind, driver: string | undefined): ReadonlyMap<string, string> {
  const table = driver === undefined ? undefined : driverParamKeys(kind, driver);
  const params = Object.keys(table ?? {}).map((key) => [key, "move it below driver_params"] as const);
  return new Map([...MISPLACED_KEYS, ...params]);
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

/** A text field's value without complaining: the schema does that. */
export function textField(fields: Fields, name: string): string | undefined {
  const field = fields.get(name);
  const value = field?.node.kind === "scalar" ? field.node.value : undefined;
  return typeof value === "string" && value.trim() !== "" ? value : undefined;
}
