/** The routes for agents: sessions, heartbeats, data. docs/protocol.md describes the wire. */
import type { HttpBindings } from "@hono/node-server";
import { type Context, Hono, type MiddlewareHandler } from "hono";
import { KEY_HEADER, KeyTable } from "./api-keys.ts";
import type { ByteBudget } from "./byte-budget.ts";
import type { ReceiverConfig } from "./fusion-config.ts";
import type { FusionCore, OpenOutcome } from "./fusion-core.ts";
import type { FusionApp } from "./http-server.ts";
import { booleanOf, checkIngestBody, checkSessionBody } from "./ingest-validation.ts";
import { refusedBody } from "./refused-body.ts";
import { type BodyLimits, readJson, readOptionalObject } from "./request-body.ts";
import type { SessionRecord } from "./session-registry.ts";

/** `pipe`: the pipe of the push key in the request; `session`: the session of the path, if it is alive. */
type ReceiverEnv = { Bindings: HttpBindings; Variables: { pipe: string; session: SessionRecord | undefined } };
type Ctx = Context<ReceiverEnv>;

/** Bodies without events are small. */
const SMALL_BODY_BYTES = 1_048_576;

export function receiverRoutes(core: FusionCore, receiver: ReceiverConfig, budget: ByteBudget): FusionApp {
  const small: BodyLimits = { maxBytes: SMALL_BODY_BYTES, budget };
  const data: BodyLimits = { maxBytes: receiver.maxBodyBytes, budget };
  const app = new Hono<ReceiverEnv>();
  const key = pushKeyRequired(new KeyTable(receiver.pipeOfKey));
  const session = sessionOfPipe(core);
  app.post("/session/", key, (c) => openSession(c, core, small));
  app.post("/session/:id/heartbeat", key, session, (c) => heartbeat(c, core, small));
  app.delete("/session/:id", key, session, (c) => {
    const id = c.get("session")?.id;
    if (id !== undefined) core.closeSession(id);
    return c.json({ status: "terminated", session_id: c.req.param("id") });
  });
  app.get("/session/:id/position", key, session, (c) => position(c, core));
  app.post("/ingest/:id/events", key, session, (c) => ingest(c, core, data));
  return app as unknown as FusionApp;
}

/** Checked before the first byte of a body is read: a client without a key costs nothing. */
function pushKeyRequired(pipes: KeyTable<string>): MiddlewareHandler<ReceiverEnv> {
  return async (c, next) => {
    const key = c.req.header(KEY_HEADER);
    if (key === undefined || key === "") return c.json({ detail: "API key required" }, 401);
    const pipe = pipes.find(key);
    if (pipe === undefined) return c.json({ detail: "Invalid API key" }, 401);
    c.set("pipe", pipe);
    await next();
  };
}

/** For a key, the session of another pipe is unknown. */
function sessionOfPipe(core: FusionCore): MiddlewareHandler<ReceiverEnv> {
  return async (c, next) => {
    const session = core.session(c.req.param("id") ?? "");
    c.set("session", session?.pipeId === c.get("pipe") ? session : undefined);
    await next();
  };
}

async function openSession(c: Ctx, core: FusionCore, limits: BodyLimits): Promise<Response> {
  const pipe = c.get("pipe");
  const body = await readJson(c.env.incoming, limits);
  if (body.kind === "refused") return refusedBody(c, body);
  const request = checkSessionBody(body.value);
  if (!request.ok) return c.json({ detail: [request.problem] }, 422);
  if (!core.pipes.has(pipe)) return c.json({ detail: `Pipe ${pipe} not found` }, 400);
  const outcome = core.openSession(pipe, request.value, c.env.incoming.socket.remoteAddress ?? null);
  return sessionAnswer(c, core, pipe, outcome);
}

function sessionAnswer(c: Ctx, core: FusionCore, pipe: string, outcome: OpenOutcome): Response {
  if (outcome.kind === "locked") {
    const holder = `${outcome.holder.slice(0, 8)}...`;
    const detail = `View ${outcome.view} is currently locked by session ${holder}. Concurrent push is disabled.`;
    return c.json({ detail }, 409);
  }
  const config = core.pipes.get(pipe)?.config;
  // RFC 7694: an answer that names Accept-Encoding invites requests in that encoding.
  c.header("Accept-Encoding", "gzip");
  return c.json({
    session_id: outcome.session.id,
    role: outcome.role,
    session_timeout_seconds: outcome.session.timeoutSeconds,
    audit_interval_sec: config?.auditIntervalSeconds ?? null,
    sentinel_interval_sec: config?.sentinelIntervalSeconds ?? null,
    message: "Session created successfully",
    ...(outcome.resumed ? { resumed: true } : {}),
  });
}

async function heartbeat(c: Ctx, core: FusionCore, limits: BodyLimits): Promise<Response> {
  const obsolete = (): Response => c.json({ detail: "Session obsoleted" }, 419 as 404);
  const session = c.get("session");
  if (session === undefined) return obsolete();
  const body = await readOptionalObject(c.env.incoming, limits);
  const beat = core.heartbeat(session.id, booleanOf(body?.can_realtime));
  if (beat === undefined) return obsolete();
  return c.json({
    status: "ok",
    role: beat.role,
    message: null,
    can_realtime: null,
    commands: beat.commands,
    ...(beat.snapshotNeeded ? { snapshot_needed: true } : {}),
  });
}

function position(c: Ctx, core: FusionCore): Response {
  const session = c.get("session");
  if (session === undefined) return unknownSession(c);
  const index = core.positionOf(session);
  return index === undefined ? c.json({ detail: "No position" }, 404) : c.json({ index });
}

async function ingest(c: Ctx, core: FusionCore, limits: BodyLimits): Promise<Response> {
  const session = c.get("session");
  if (session === undefined) return unknownSession(c);
  const body = await readJson(c.env.incoming, limits);
  if (body.kind === "refused") return refusedBody(c, body);
  const batch = checkIngestBody(body.value);
  if (!batch.ok) return c.json({ detail: [batch.problem] }, 422);
  const outcome = core.ingest(session.id, batch.value);
  if (outcome === undefined) return unknownSession(c);
  if (outcome.kind === "job-complete") return c.json({ status: "ok", phase: "job_complete" });
  return c.json({
    status: "ok",
    count: batch.value.events.length,
    ...(outcome.snapshotNeeded ? { snapshot_needed: true } : {}),
  });
}

const unknownSession = (c: Ctx): Response =>
  c.json({ detail: `Session ${c.req.param("id")} not found or expired` }, 404);
