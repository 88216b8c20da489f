import { z } from "zod";
import { agentJsonSchema } from "../../config/json-schema.ts";
import { knownDrivers } from "../../drivers/registry.ts";
import { fusionFileSchema } from "../../fusion/fusion-schema.ts";
import { EXIT } from "../exit-codes.ts";
import type { Terminal } from "../terminal.ts";

export type SchemaKind = "agent" | "fusion";

/** The JSON Schema of one kind of file. */
export function jsonSchemaOf(kind: SchemaKind): object {
  if (kind === "agent") return agentJsonSchema(knownDrivers);
  const title = "Embedded Fusion: fusion-config/*.yaml";
  return { ...z.toJSONSchema(fusionFileSchema, { io: "input", target: "draft-7" }), title };
}

export async function schema(kind: SchemaKind, terminal: Terminal): Promise<number> {
  await terminal.json(`${JSON.stringify(jsonSchemaOf(kind), null, 2)}\n`);
  return EXIT.done;
}
