/** What a driver's module says about the keys of a configuration. */

import { z } from "zod";
import type { DriverRegistry } from "../drivers/registry.ts";
import type { AnyDriverModule } from "../sdk/index.ts";
import type { KeyTable } from "./fields.ts";

/** The keys of `driver_params`. */
export const paramKeys = ({ schema, withoutEffect = {} }: AnyDriverModule): KeyTable => ({
  ...Object.fromEntries(Object.keys(schema.shape).map((key) => [key, {}])),
  ...Object.fromEntries(Object.entries(withoutEffect).map(([key, noEffect]) => [key, { noEffect }])),
});

/** The keys beside the sections that drivers know, each with the schema of the parameter that it stands in for. */
export function agentWideSchemas({ modules }: DriverRegistry): Readonly<Record<string, z.ZodType>> {
  const schemas = modules.flatMap(({ agentWide = {}, schema }) =>
    Object.entries(agentWide).map(([param, key]) => [key, schema.shape[param] ?? z.unknown()] as const),
  );
  return Object.fromEntries(schemas);
}

/** The parameters that keys beside the sections stand in for. */
export const presetsOf = (
  { agentWide = {} }: AnyDriverModule,
  settings: Readonly<Record<string, unknown>>,
): Readonly<Record<string, unknown>> =>
  Object.fromEntries(
    Object.entries(agentWide).flatMap(([param, key]) => (Object.hasOwn(settings, key) ? [[param, settings[key]]] : [])),
  );
