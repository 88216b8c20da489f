/** The OpenAPI document, made of the schemas that check requests. docs/admin-api.json is a copy that a test compares. */
import { z } from "zod";
import { agentVersion } from "../sdk/version.ts";
import { errorSchema, type Route } from "./route.ts";
import { ROUTES } from "./routes.ts";

type Json = Readonly<Record<string, unknown>>;

/** Without what the document says already by its version. */
function jsonSchema(schema: z.ZodType, io: "input" | "output"): Json {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io, unrepresentable: "any" }) as Record<string, unknown>;
  return rest;
}

function parameters({ params, query, events }: Route): readonly Json[] {
  const of = (schema: z.ZodObject | undefined, place: "path" | "query"): Json[] =>
    Object.entries(schema?.shape ?? {}).map(([name, each]) => ({
      name,
      in: place,
      required: place === "path",
      schema: jsonSchema(each as z.ZodType, "input"),
    }));
  const resumes = query !== undefined && "after" in query.shape && events !== undefined;
  const header = { name: "Last-Event-ID", in: "header", required: false, schema: { type: "string" } };
  return [...of(params, "path"), ...of(query, "query"), ...(resumes ? [header] : [])];
}

const WHY: Readonly<Record<number, string>> = {
  400: "The request is not as described here.",
  401: "The token is missing. Not on the control socket.",
  403: "The token is wrong, the origin is another one, or this cannot be changed here. Not on the control socket.",
  404: "There is no such pipe or source.",
  409: "It cannot be done at the moment; the code says why.",
  413: "The body is too large.",
  422: "The configuration is refused, with a code of docs/errors.md.",
  503: "Too many streams are open.",
};

function answers({ method, answer, events, refusals = [] }: Route): Json {
  const good =
    answer === undefined
      ? { 200: { description: `Events: ${events}.`, content: { "text/event-stream": { schema: { type: "string" } } } } }
      : { [answer.status]: { description: "Done.", content: json(jsonSchema(answer.schema, "output")) } };
  const codes = [
    400,
    401,
    403,
    ...refusals,
    ...(method === "post" ? [413] : []),
    ...(events === undefined ? [] : [503]),
  ];
  const error = { $ref: "#/components/schemas/Error" };
  const bad = codes.map((code) => [code, { description: WHY[code], content: json(error) }] as const);
  return { ...good, ...Object.fromEntries(bad) };
}

const json = (schema: Json): Json => ({ "application/json": { schema } });

function paths(): Json {
  const all: Record<string, Record<string, unknown>> = {};
  for (const route of ROUTES) {
    const place = all[route.path] ?? {};
    const body = route.body && {
      requestBody: { required: true, content: json(jsonSchema(route.body.schema, "input")) },
    };
    place[route.method] = { summary: route.summary, parameters: parameters(route), ...body, responses: answers(route) };
    all[route.path] = place;
  }
  return all;
}

export const openApiDocument = (): Json => ({
  openapi: "3.1.0",
  info: { title: "Fustor Agent: admin API", version: agentVersion, license: { name: "MIT" } },
  servers: [{ url: "http://localhost:8100/api/v1" }],
  security: [{ token: [] }],
  paths: paths(),
  components: {
    schemas: { Error: jsonSchema(errorSchema, "output") },
    securitySchemes: { token: { type: "http", scheme: "bearer" } },
  },
});
