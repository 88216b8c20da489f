/**
 * The admin API: the routes of routes.ts, checked and answered. The same for the control socket, where whoever may open
 * it may do everything, and for the port of the status page, where a token is asked for.
 *
 * Against pages of other origins: the token counts only in the header `Authorization`, which a browser sends nowhere by
 * itself; besides, a request that says it comes from another origin is refused.
 */
import type { HttpBindings } from "@hono/node-server";
import { type Context, Hono, type MiddlewareHandler } from "hono";
import type { z } from "zod";
import { describeError, type Logger } from "../sdk/index.ts";
import type { AdminPort } from "./admin-port.ts";
import { EventStreams, STREAM_HEADERS } from "./event-stream.ts";
import { openApiDocument } from "./openapi.ts";
import { type Call, type Reply, type Route, refused } from "./route.ts";
import { ROUTES } from "./routes.ts";
import { noBody } from "./schemas.ts";

export const API_BASE = "/api/v1";
const MOST_BODY_BYTES = 4096;
const MOST_URL_LENGTH = 4096;

/** Answers a request that may not come in; undefined lets it pass. */
export type Gate = (context: AdminContext, route: Pick<Route, "method" | "isForOwner">) => Reply | undefined;
export type AdminContext = Context<{ Bindings: HttpBindings }>;

export interface AdminAppParts {
  readonly port: AdminPort;
  /** Default: everything may come in. */
  readonly gate?: Gate;
  /** Where requests come from, for the log. */
  readonly origin: string;
  readonly logger: Logger;
}

const HEADERS: Readonly<Record<string, string>> = {
  "cache-control": "no-store",
  "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
  "cross-origin-resource-policy": "same-origin",
  "x-content-type-options": "nosniff",
};

const honoPath = (path: string): string => path.replace(/\{(\w+)\}/g, ":$1");

export function adminApp(parts: AdminAppParts): Hono<{ Bindings: HttpBindings }> {
  const app = new Hono<{ Bindings: HttpBindings }>();
  const streams = new EventStreams();
  app.use(withHeaders);
  app.onError((error, context) => {
    parts.logger.error({ err: error }, "a request of the admin API failed");
    return answered(context, refused(500, "FUSTOR_INTERNAL", describeError(error)));
  });
  for (const each of ROUTES) {
    app.on(each.method.toUpperCase(), honoPath(each.path), (context) => handle(context, each, parts, streams));
  }
  app.get("/openapi.json", (context) => {
    const shut = parts.gate?.(context, { method: "get" });
    return shut === undefined ? context.json(openApiDocument()) : answered(context, shut);
  });
  app.all("*", (context) => {
    const shut = parts.gate?.(context, { method: "get" });
    return answered(context, shut ?? refused(404, "route_unknown", "there is no such route, or not with this method"));
  });
  return app;
}

const withHeaders: MiddlewareHandler = async (context, next) => {
  await next();
  for (const [name, value] of Object.entries(HEADERS)) context.header(name, value);
};

async function handle(context: AdminContext, each: Route, parts: AdminAppParts, streams: EventStreams) {
  const shut = parts.gate?.(context, each);
  if (shut !== undefined) return answered(context, shut);
  const body = await bodyOf(context, each);
  const call = body instanceof Refused ? body.reply : checked(context, each, body.value, parts.port);
  if ("status" in call) return answered(context, call);
  if (each.isLong === true) context.env?.incoming?.socket?.setTimeout(0);
  noteAction(context, each, parts);
  const answer = await each.handle(call);
  if (!("stream" in answer)) return answered(context, answer);
  // Of an answer to HEAD nobody reads the body, so a stream would never end.
  if (context.req.method === "HEAD") return new Response(null, { status: 200, headers: STREAM_HEADERS });
  const full = refused(503, "too_many_streams", "too many streams are open: close one, or try again later");
  const cutOff = (): void => void context.env?.outgoing?.destroy();
  return streams.open(answer.stream, cutOff) ?? answered(context, full);
}

function answered(context: AdminContext, answer: Reply): Response {
  if (answer.afterwards !== undefined) afterAnswer(context, answer.afterwards);
  return context.json(answer.body as object, answer.status as 200);
}

/** Once the answer is with the client, or the client is gone. */
function afterAnswer(context: AdminContext, work: () => void): void {
  const outgoing = context.env?.outgoing;
  if (outgoing === undefined) setImmediate(work);
  else outgoing.once("close", work);
}

function noteAction(context: AdminContext, { method }: Route, { port, origin, logger }: AdminAppParts): void {
  if (method !== "post") return;
  const path = decoded(context.req.path.slice(API_BASE.length));
  logger.info({ action: path, from: origin }, "asked by an operator");
  port.journal.append("action", JSON.stringify({ at: new Date().toISOString(), action: path, from: origin }));
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

class Refused {
  readonly reply: Reply;

  constructor(status: number, code: string, message: string) {
    this.reply = refused(status, code, message);
  }
}

/** Nothing is read of a body that is too large. */
async function bodyOf(context: AdminContext, { body }: Route): Promise<Refused | { readonly value: unknown }> {
  const { req } = context;
  if (req.url.length > MOST_URL_LENGTH) return new Refused(414, "address_too_long", "the address is too long");
  if (req.method === "GET") return { value: undefined };
  const mostBytes = body?.mostBytes ?? MOST_BODY_BYTES;
  const tooLarge = new Refused(413, "body_too_large", `a body has at most ${mostBytes} bytes`);
  if (Number(req.header("content-length") ?? 0) > mostBytes) return tooLarge;
  const text = await readBody(req.raw.body, mostBytes);
  if (text === undefined) return tooLarge;
  if (body !== undefined) return jsonBody(text, body.schema);
  if (text === "" || isEmptyObject(text)) return { value: undefined };
  return new Refused(400, "request_invalid", "the body is not empty: everything is said by the address");
}

function jsonBody(text: string, schema: z.ZodType): Refused | { readonly value: unknown } {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    return new Refused(400, "request_invalid", "the body is no JSON");
  }
  const given = schema.safeParse(parsed);
  if (given.success) return { value: given.data };
  const [first] = given.error.issues;
  return new Refused(
    400,
    "request_invalid",
    `the body: ${first?.path.join(".") ?? ""}: ${first?.message ?? "is wrong"}`,
  );
}

async function readBody(body: ReadableStream<Uint8Array> | null, mostBytes: number): Promise<string | undefined> {
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const part of (body ?? []) as AsyncIterable<Uint8Array>) {
    size += part.byteLength;
    if (size > mostBytes) return undefined;
    parts.push(part);
  }
  return Buffer.concat(parts).toString("utf8").trim();
}

function isEmptyObject(text: string): boolean {
  try {
    return noBody.safeParse(JSON.parse(text)).success;
  } catch {
    return false;
  }
}

function checked(context: AdminContext, { params, query }: Route, body: unknown, port: AdminPort): Call | Reply {
  const given = params === undefined ? { success: true as const, data: {} } : params.safeParse(context.req.param());
  if (!given.success) return invalid(given.error);
  const asked = query === undefined ? { success: true as const, data: {} } : query.safeParse(context.req.query());
  if (!asked.success) return invalid(asked.error);
  return {
    params: given.data as Record<string, string>,
    query: asked.data,
    body,
    port,
    lastEventId: context.req.header("last-event-id"),
  };
}

const invalid = ({ issues }: z.ZodError): Reply =>
  refused(400, "request_invalid", issues.map(({ path, message }) => `${path.join(".")}: ${message}`).join("; "));
