/**
 * The JSON Schema of the agent's files, for editors: made of the same schemas and tables that the loader uses. It knows
 * the drivers of the registry; parameters of others may be anything.
 */
import { z } from "zod";
import type { DriverRegistry } from "../drivers/registry.ts";
import type { AnyDriverModule, DriverKind } from "../sdk/index.ts";
import { agentWideSchemas } from "./driver-keys.ts";
import type { KeyTable } from "./fields.ts";
import {
  CONSOLE_KEYS,
  FIELD_RULE_KEYS,
  LOGGING_KEYS,
  PIPE_KEYS,
  SENDER_KEYS,
  SOURCE_KEYS,
  TOP_LEVEL_KEYS,
} from "./known-keys.ts";
import {
  consoleSchema,
  enabledSchema,
  fieldRuleSchema,
  loggingSchema,
  pipeSchema,
  senderSchema,
  settingsSchema,
  sourceSchema,
  uriSchema,
} from "./schemas.ts";

export interface JsonSchema {
  readonly [keyword: string]: unknown;
}

const DIALECT = "http://json-schema.org/draft-07/schema#";

const OFTEN_WRITTEN: Readonly<Record<string, JsonSchema>> = {
  boolean: { enum: ["yes", "no", "on", "off", "true", "false"] },
  integer: { type: "string", pattern: "^[+-]?\\d+$" },
  array: { type: "string" },
  number: { type: "string", pattern: "^[+-]?\\d+(\\.\\d+)?$" },
};

/** What values.ts takes besides: numbers in quotes, and the words of YAML 1.1; and a null, which counts as absent. */
function asWritten(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(asWritten);
  if (typeof schema !== "object" || schema === null) return schema;
  const inner = Object.fromEntries(Object.entries(schema).map(([key, value]) => [key, asWritten(value)])) as JsonSchema;
  // Of what a schema puts out every default is required: of what a user writes, none is.
  const { type, default: preset, description, required: _, ...rest } = inner;
  const notes = {
    ...(preset === undefined ? {} : { default: preset }),
    ...(description === undefined ? {} : { description }),
  };
  const also = typeof type === "string" ? OFTEN_WRITTEN[type] : undefined;
  if (also === undefined) return type === undefined ? inner : { ...rest, type, ...notes };
  return { anyOf: [{ type, ...withoutHugeBound(rest) }, also, { type: "null" }], ...notes };
}

/** "No limit" as a number helps nobody. */
const withoutHugeBound = ({ maximum, ...rest }: JsonSchema): JsonSchema =>
  maximum === undefined || maximum === Number.MAX_SAFE_INTEGER ? rest : { ...rest, maximum };

/** As a user may write it; a list of texts may be one text. */
function schemaOf(schema: z.ZodType): JsonSchema {
  const { $schema: _, ...own } = z.toJSONSchema(schema, { io: "output", unrepresentable: "any", target: "draft-7" });
  return asWritten(own) as JsonSchema;
}

const propertiesOf = (...schemas: readonly z.ZodObject[]): Readonly<Record<string, JsonSchema>> =>
  Object.assign(
    {},
    ...schemas.map((schema) => (schemaOf(schema) as { readonly properties?: object }).properties ?? {}),
  );

const anything: JsonSchema = {};

/** The keys of a table with what may stand there; other spellings and keys without effect are marked as such. */
function keyed(table: KeyTable, known: Readonly<Record<string, JsonSchema>>): Readonly<Record<string, JsonSchema>> {
  const members = Object.entries(table).map(([key, { means, older, noEffect }]) => {
    if (noEffect !== undefined) return [key, { description: `has no effect: ${noEffect}`, deprecated: true }] as const;
    const schema = known[means ?? key] ?? anything;
    return [
      key,
      older === true ? { ...schema, description: `older spelling of ${means}`, deprecated: true } : schema,
    ] as const;
  });
  return Object.fromEntries(members);
}

const object = (properties: Readonly<Record<string, unknown>>): JsonSchema => ({
  type: "object",
  properties,
  additionalProperties: false,
});

const TEXT: JsonSchema = { type: "string", minLength: 1 };
const CREDENTIAL: JsonSchema = {
  anyOf: [
    { type: "string" },
    { type: "null" },
    object({ key: TEXT, api_key: TEXT, user: TEXT, passwd: { type: "string" }, password: { type: "string" } }),
  ],
};

/** The keys of an entry, beside each other or below `config`. */
function entry(properties: Readonly<Record<string, JsonSchema>>): JsonSchema {
  return object({ ...properties, config: { anyOf: [object(properties), { type: "null" }] } });
}

/** A list of entries with an id, or entries by their id. */
const section = (each: JsonSchema): JsonSchema => ({
  anyOf: [
    { type: "array", items: { ...each, required: ["id"] } },
    { type: "object", additionalProperties: each },
    { type: "null" },
  ],
});

function paramsOf({ schema, withoutEffect = {} }: AnyDriverModule): JsonSchema {
  const unused = Object.fromEntries(Object.entries(withoutEffect).map(([key, noEffect]) => [key, { noEffect }]));
  const { properties = {} } = schemaOf(schema) as { readonly properties?: Readonly<Record<string, JsonSchema>> };
  return { anyOf: [object({ ...properties, ...keyed(unused, {}) }), { type: "null" }] };
}

/** Which parameters an entry may have hangs on its driver, wherever both of them stand. */
function conditions(kind: DriverKind, { modules }: DriverRegistry): JsonSchema {
  const allOf = modules
    .filter((module) => module.kind === kind)
    .map((module) => {
      const named = { enum: [module.name, ...module.aliases] };
      const spelled = ["driver", "type", "driver_type"].map((key) => ({
        properties: { [key]: named },
        required: [key],
      }));
      const within = { properties: { config: { type: "object", anyOf: spelled } }, required: ["config"] };
      const params = { driver_params: paramsOf(module) };
      return {
        if: { anyOf: [...spelled, within] },
        // biome-ignore lint/suspicious/noThenProperty: the keyword of JSON Schema
        then: { properties: { ...params, config: { properties: params } } },
      };
    });
  return { allOf };
}

function ends(kind: DriverKind, drivers: DriverRegistry): JsonSchema {
  const own = kind === "source" ? sourceSchema : senderSchema;
  const driver = { ...TEXT, examples: drivers.names(kind) };
  const known = {
    ...propertiesOf(own, uriSchema, enabledSchema),
    id: TEXT,
    driver,
    credential: CREDENTIAL,
    driver_params: anything,
  };
  const table = kind === "source" ? SOURCE_KEYS : SENDER_KEYS;
  return section({ ...entry(keyed(table, known)), ...conditions(kind, drivers) });
}

function pipes(): JsonSchema {
  const rule = object(keyed(FIELD_RULE_KEYS, propertiesOf(fieldRuleSchema)));
  const known = {
    ...propertiesOf(pipeSchema, enabledSchema),
    id: TEXT,
    fields_mapping: { anyOf: [{ type: "array", items: rule }, { type: "null" }] },
  };
  return section(entry(keyed(PIPE_KEYS, known)));
}

/** Of `agent-config.yaml` and `agent-config/*.yaml`. */
export function agentJsonSchema(drivers: DriverRegistry): JsonSchema {
  const words = ["debug", "info", "warn", "warning", "error", "critical"];
  const level = { enum: words.flatMap((word) => [word, word.toUpperCase()]) };
  const logging = {
    anyOf: [level, object(keyed(LOGGING_KEYS, { ...propertiesOf(loggingSchema), level })), { type: "null" }],
  };
  const page = {
    anyOf: [object(keyed(CONSOLE_KEYS, { ...propertiesOf(consoleSchema), token: TEXT })), { type: "null" }],
  };
  const known = {
    ...propertiesOf(settingsSchema),
    sources: ends("source", drivers),
    senders: ends("sender", drivers),
    pipes: pipes(),
    logging,
    console: page,
  };
  const agentWide = Object.fromEntries(
    Object.entries(agentWideSchemas(drivers)).map(([key, schema]) => [key, schemaOf(schema)]),
  );
  return {
    $schema: DIALECT,
    title: "Fustor Agent: agent-config.yaml and agent-config/*.yaml",
    ...object({ ...keyed(TOP_LEVEL_KEYS, known), ...agentWide }),
  };
}
