/** The routes for agents over HTTP: sessions, heartbeats, data. docs/protocol.md describes the wire. */
import type { HttpBindings } from "@hono/node-server";
import { type Context, Hono, type MiddlewareHandler } from "hono";
import type { ContentfulStatusCode } from "hono/utils/http-status";
import type { DeskAnswer } from "../sdk/receiver-driver.ts";
import { KEY_HEADER } from "./api-keys.ts";
import type { ByteBudget } from "./byte-budget.ts";
import type { Desk } from "./desk.ts";
import type { FusionApp } from "./http-server.ts";
import { refusedBody } from "./refused-body.ts";
import { type BodyLimits, readJson, readOptionalObject } from "./request-body.ts";

/** `pipe`: the pipe of the push key in the request. */
type ReceiverEnv = { Bindings: HttpBindings; Variables: { pipe: string } };
type Ctx = Context<ReceiverEnv>;

/** Bodies without events are small. */
const SMALL_BODY_BYTES = 1_048_576;

export function receiverRoutes(desk: Desk, budget: ByteBudget): FusionApp {
  const small: BodyLimits = { maxBytes: SMALL_BODY_BYTES, budget };
  const data: BodyLimits = { maxBytes: desk.maxBodyBytes, budget };
  const app = new Hono<ReceiverEnv>();
  const key = pushKeyRequired(desk);
  app.post("/session/", key, (c) => openSession(c, desk, small));
  app.post("/session/:id/heartbeat", key, (c) => heartbeat(c, desk, small));
  app.delete("/session/:id", key, async (c) => sent(c, await desk.closeSession(c.get("pipe"), idOf(c))));
  app.get("/session/:id/position", key, async (c) => sent(c, await desk.position(c.get("pipe"), idOf(c))));
  app.post("/ingest/:id/events", key, (c) => ingest(c, desk, data));
  return app as unknown as FusionApp;
}

const sent = (c: Ctx, { status, body }: DeskAnswer): Response => c.json(body, status as ContentfulStatusCode);

const idOf = (c: Ctx): string => c.req.param("id") ?? "";

/** Checked before the first byte of a body is read: a client without a key costs nothing. */
function pushKeyRequired(desk: Desk): MiddlewareHandler<ReceiverEnv> {
  return async (c, next) => {
    const owner = desk.identify(c.req.header(KEY_HEADER));
    if (!("pipe" in owner)) return c.json(owner.body, owner.status as ContentfulStatusCode);
    c.set("pipe", owner.pipe);
    await next();
  };
}

async function openSession(c: Ctx, desk: Desk, limits: BodyLimits): Promise<Response> {
  const body = await readJson(c.env.incoming, limits);
  if (body.kind === "refused") return refusedBody(c, body);
  const answer = await desk.openSession(c.get("pipe"), body.value, c.env.incoming.socket.remoteAddress ?? null);
  // RFC 7694: an answer that names Accept-Encoding invites requests in that encoding.
  if (answer.status === 200) c.header("Accept-Encoding", "gzip");
  return sent(c, answer);
}

/** Without a session no byte of the body is read. */
async function heartbeat(c: Ctx, desk: Desk, limits: BodyLimits): Promise<Response> {
  const [pipe, id] = [c.get("pipe"), idOf(c)];
  const body = desk.knows(pipe, id) ? await readOptionalObject(c.env.incoming, limits) : undefined;
  return sent(c, await desk.heartbeat(pipe, id, body));
}

/** Without a session no byte of the body is read. */
async function ingest(c: Ctx, desk: Desk, limits: BodyLimits): Promise<Response> {
  const [pipe, id] = [c.get("pipe"), idOf(c)];
  if (!desk.knows(pipe, id)) return sent(c, await desk.ingest(pipe, id, undefined));
  const body = await readJson(c.env.incoming, limits);
  if (body.kind === "refused") return refusedBody(c, body);
  const answer = await desk.ingest(pipe, id, body.value, body.bytes);
  if (answer.status === 503) c.header("Retry-After", "1");
  return sent(c, answer);
}
