/** Whether what a package exports are drivers. Nothing of it is called. */
import type { AnyDriverModule } from "../sdk/index.ts";

/** A half sentence of what is wrong and one of what to do. */
export interface ShapeDefect {
  readonly what: string;
  readonly cure: string;
}

export type ModuleShape =
  | { readonly kind: "driver"; readonly module: AnyDriverModule }
  | { readonly kind: "defect"; readonly defects: readonly ShapeDefect[] };

type Members = Readonly<Record<string, unknown>>;

const isObject = (value: unknown): value is Members => typeof value === "object" && value !== null;

/** The exported drivers: `drivers`, else the default export; one or a list. */
export function exportedDrivers(namespace: Members): readonly unknown[] {
  const exported = namespace.drivers ?? defaultOf(namespace);
  if (exported === undefined) return [];
  return Array.isArray(exported) ? exported : [exported];
}

/** A module in CommonJS has its exports in the default export of its namespace. */
function defaultOf(namespace: Members): unknown {
  const inner = namespace.default;
  if (!isObject(inner) || "kind" in inner) return inner;
  return inner.drivers ?? inner.default ?? inner;
}

const isTexts = (value: unknown): boolean =>
  Array.isArray(value) && value.every((each) => typeof each === "string" && each !== "");

/**
 * A schema by what it can do and not by its class: the `zod` of a package is another copy than ours, perhaps of another
 * version.
 */
function schemaDefect(schema: unknown): ShapeDefect | undefined {
  const cure = "give it a zod object, z.object({}) when the driver takes no parameters";
  if (schema === undefined) return { what: `"schema" is missing`, cure };
  if (!isObject(schema) || typeof schema.safeParse !== "function") return { what: `"schema" is no schema`, cure };
  if (isObject(schema.shape)) return undefined;
  return { what: `"schema" does not name its parameters (it has no "shape")`, cure };
}

const OPTIONAL_METHODS = ["check", "inspect"];

function* defectsOf(module: Members): Generator<ShapeDefect> {
  const { kind, name, aliases, schema, create, defaultUri, rowKey } = module;
  if (kind !== "source" && kind !== "sender") {
    yield { what: `"kind" is neither "source" nor "sender"`, cure: "write one of them" };
  }
  if (typeof name !== "string" || name.trim() === "") {
    yield { what: `"name" is no name`, cure: "write what a configuration gives as driver" };
  }
  if (aliases !== undefined && !isTexts(aliases)) {
    yield { what: `"aliases" is no list of names`, cure: "write a list of texts, [] for none" };
  }
  const schemaTrouble = schemaDefect(schema);
  if (schemaTrouble !== undefined) yield schemaTrouble;
  if (typeof create !== "function") {
    const state = create === undefined ? "is missing" : "is no function";
    yield { what: `"create" ${state}`, cure: "write a function that makes the driver" };
  }
  for (const method of OPTIONAL_METHODS) {
    const value = module[method];
    if (value !== undefined && typeof value !== "function") {
      yield { what: `"${method}" is no function`, cure: "make it one, or leave it out" };
    }
  }
  for (const [member, value] of Object.entries({ defaultUri, rowKey })) {
    if (value !== undefined && typeof value !== "string") {
      yield { what: `"${member}" is no text`, cure: "make it one, or leave it out" };
    }
  }
}

export function moduleShape(value: unknown): ModuleShape {
  if (!isObject(value)) {
    const cure = "export one made with sourceModule or senderModule of fustor-agent/sdk, or a list of them";
    return { kind: "defect", defects: [{ what: "is no driver", cure }] };
  }
  const defects = [...defectsOf(value)];
  if (defects.length > 0) return { kind: "defect", defects };
  return { kind: "driver", module: value as unknown as AnyDriverModule };
}
