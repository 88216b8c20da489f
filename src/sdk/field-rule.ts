/** One rule of `fields_mapping`; docs/protocol.md has the rules of mapping. */
export interface FieldRule {
  /** Name of a field; dots make nested objects. */
  readonly to: string;
  /** `name` or `name:type`; only the first one is read. */
  readonly source: readonly string[];
  /** Present (even when null) = the constant wins. */
  readonly hardcodedValue?: { readonly value: unknown };
}

export type FieldType = "string" | "integer" | "number" | "boolean";

/** The types of a source as they may be written. */
export const FIELD_TYPES: ReadonlyMap<string, FieldType> = new Map([
  ["string", "string"],
  ["str", "string"],
  ["integer", "integer"],
  ["int", "integer"],
  ["number", "number"],
  ["float", "number"],
  ["boolean", "boolean"],
  ["bool", "boolean"],
]);
