/** What agents talk to: sessions, heartbeats, data. docs/protocol.md restates the wire. */
import type { HttpBindings } from "@hono/node-server";
import { type Context, Hono } from "hono";
import { KEY_HEADER } from "./api-keys.ts";
import type { ReceiverConfig } from "./fusion-config.ts";
import type { FusionCore, OpenOutcome } from "./fusion-core.ts";
import type { FusionApp } from "./http-server.ts";
import { booleanOf, checkIngestBody, checkSessionBody } from "./ingest-validation.ts";
import { readJson, readOptionalObject } from "./request-body.ts";

type Ctx = Context<{ Bindings: HttpBindings }>;

/** Bodies other than data are small. */
const SMALL_BODY_BYTES = 1_048_576;

export function receiverRoutes(core: FusionCore, receiver: ReceiverConfig): FusionApp {
  const app: FusionApp = new Hono();
  app.post("/session/", (c) => openSession(c, core, receiver));
  app.post("/session/:id/heartbeat", (c) => heartbeat(c, core));
  app.delete("/session/:id", (c) => {
    core.closeSession(c.req.param("id"));
    return c.json({ status: "terminated", session_id: c.req.param("id") });
  });
  app.get("/session/:id/position", (c) => {
    const session = core.session(c.req.param("id"));
    if (session === undefined) return c.json({ detail: unknownSession(c.req.param("id")) }, 404);
    const index = core.positionOf(session);
    return index === undefined ? c.json({ detail: "No position" }, 404) : c.json({ index });
  });
  app.post("/ingest/:id/events", (c) => ingest(c, core, receiver));
  return app;
}

async function openSession(c: Ctx, core: FusionCore, receiver: ReceiverConfig): Promise<Response> {
  const key = c.req.header(KEY_HEADER);
  if (key === undefined || key === "") return c.json({ detail: "API key required" }, 401);
  const pipe = receiver.pipeOfKey.get(key);
  if (pipe === undefined) return c.json({ detail: "Invalid API key" }, 401);
  const body = await readJson(c.env.incoming, SMALL_BODY_BYTES);
  if (body.kind === "refused") return c.json({ detail: body.detail }, body.status);
  const request = checkSessionBody(body.value);
  if (!request.ok) return c.json({ detail: [request.problem] }, 422);
  if (!core.pipes.has(pipe)) return c.json({ detail: `Pipe ${pipe} not found` }, 400);
  const outcome = core.openSession(pipe, request.value, c.env.incoming.socket.remoteAddress ?? null);
  return sessionAnswer(c, core, pipe, outcome);
}

function sessionAnswer(c: Ctx, core: FusionCore, pipe: string, outcome: OpenOutcome): Response {
  if (outcome.kind === "locked") {
    // The id of a session is all it takes to end it, so only its beginning is told.
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
  });
}

async function heartbeat(c: Ctx, core: FusionCore): Promise<Response> {
  const body = await readOptionalObject(c.env.incoming, SMALL_BODY_BYTES);
  const beat = core.heartbeat(c.req.param("id") ?? "", booleanOf(body?.can_realtime));
  if (beat === undefined) return c.json({ detail: "Session obsoleted" }, 419 as 404);
  return c.json({
    status: "ok",
    role: beat.role,
    message: null,
    can_realtime: null,
    commands: beat.commands,
    ...(beat.snapshotNeeded ? { snapshot_needed: true } : {}),
  });
}

async function ingest(c: Ctx, core: FusionCore, receiver: ReceiverConfig): Promise<Response> {
  const id = c.req.param("id") ?? "";
  const body = await readJson(c.env.incoming, receiver.maxBodyBytes);
  if (body.kind === "refused") return c.json({ detail: body.detail }, body.status);
  const batch = checkIngestBody(body.value);
  if (!batch.ok) return c.json({ detail: [batch.problem] }, 422);
  const outcome = core.ingest(id, batch.value);
  if (outcome === undefined) return c.json({ detail: unknownSession(id) }, 404);
  if (outcome.kind === "job-complete") return c.json({ status: "ok", phase: "job_complete" });
  return c.json({
    status: "ok",
    count: batch.value.events.length,
    ...(outcome.snapshotNeeded ? { snapshot_needed: true } : {}),
  });
}

const unknownSession = (id: string): string => `Session ${id} not found or expired`;
