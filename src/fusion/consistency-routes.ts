/** Routes for discovery, audits and the sentinel: the same on the receivers and on the management port. */
import type { HttpBindings } from "@hono/node-server";
import { type Context, Hono, type MiddlewareHandler } from "hono";
import { KEY_HEADER, type KeyOwner, type KeyRing, READS_ONLY } from "./api-keys.ts";
import type { ByteBudget } from "./byte-budget.ts";
import { isSize, pathOf, type RawRow } from "./fs-row.ts";
import type { FusionCore } from "./fusion-core.ts";
import type { FusionApp } from "./http-server.ts";
import { refusedBody } from "./refused-body.ts";
import { readJson } from "./request-body.ts";
import type { View } from "./view.ts";

type OwnerEnv = { Bindings: HttpBindings; Variables: { owner: KeyOwner } };

const FEEDBACK_BYTES = 8_388_608;
/** Bound for the paths of one task: an agent reads no answer of more than 1 MiB. */
const TASK_BYTES = 262_144;

/** Puts the owner of the request's key into `owner`, or answers 401. */
export function keyRequired(keys: KeyRing): MiddlewareHandler<OwnerEnv> {
  return async (c, next) => {
    const key = c.req.header(KEY_HEADER);
    if (key === undefined || key === "") return c.json({ detail: "X-API-Key header is missing" }, 401);
    const owner = keys.ownerOf(key);
    if (owner === undefined) return c.json({ detail: "Invalid or inactive X-API-Key" }, 401);
    c.set("owner", owner);
    await next();
  };
}

/** After {@link keyRequired}: answers 403 to a key that may only read. */
const pushKeyRequired: MiddlewareHandler<OwnerEnv> = async (c, next) => {
  if (c.get("owner").kind !== "pipe") return c.json({ detail: READS_ONLY }, 403);
  await next();
};

export function consistencyRoutes(core: FusionCore, keys: KeyRing, budget: ByteBudget): FusionApp {
  const app = new Hono<OwnerEnv>();
  const key = keyRequired(keys);
  app.use("/consistency/*", key, pushKeyRequired);
  app.get("/session", (c) => c.redirect(withSlash(c.req.url), 307));
  app.post("/session", (c) => c.redirect(withSlash(c.req.url), 307));
  app.get("/session/", key, (c) => c.json({ view_id: c.get("owner").id, status: "authorized" }));
  app.post("/consistency/audit/start", (c) => {
    const views = viewsOf(core, c.get("owner"));
    for (const view of views) view.arbitration.audit.start();
    return c.json({ status: "audit_started", drivers_handled: views.length });
  });
  app.post("/consistency/audit/end", (c) => {
    const views = viewsOf(core, c.get("owner"));
    for (const view of views) view.arbitration.finishAudit();
    return c.json({ status: "audit_ended", drivers_handled: views.length });
  });
  app.get("/consistency/sentinel/tasks", (c) => c.json(sentinelTask(viewsOf(core, c.get("owner")))));
  app.post("/consistency/sentinel/feedback", (c) => feedback(c, viewsOf(core, c.get("owner")), budget));
  return app as unknown as FusionApp;
}

function withSlash(url: string): string {
  const target = new URL(url);
  target.pathname += "/";
  return target.toString();
}

/** A push key is valid for the views that its pipe feeds. */
const viewsOf = (core: FusionCore, owner: KeyOwner): readonly View[] => core.pipes.get(owner.id)?.views ?? [];

function sentinelTask(views: readonly View[]): object {
  for (const view of views) {
    const { tree } = view.arbitration;
    const files = view.arbitration.suspects.all().filter((id) => !tree.isDirectory(id));
    if (files.length === 0) continue;
    return { type: "suspect_check", paths: asManyAsFit(files, (id) => tree.pathOf(id)), view_id: view.config.id };
  }
  return {};
}

function asManyAsFit(ids: readonly number[], pathOfId: (id: number) => string): readonly string[] {
  const paths: string[] = [];
  let bytes = 0;
  for (const id of ids) {
    const path = pathOfId(id);
    bytes += Buffer.byteLength(path) + 3;
    if (bytes > TASK_BYTES) break;
    paths.push(path);
  }
  return paths;
}

async function feedback(c: Context<OwnerEnv>, views: readonly View[], budget: ByteBudget): Promise<Response> {
  const body = await readJson(c.env.incoming, { maxBytes: FEEDBACK_BYTES, budget });
  if (body.kind === "refused") return refusedBody(c, body);
  if (typeof body.value !== "object" || body.value === null || Array.isArray(body.value)) {
    return c.json({ detail: [{ type: "dict_type", loc: ["body"], msg: "must be an object" }] }, 422);
  }
  const { type, updates } = body.value as { type?: unknown; updates?: unknown };
  if (type !== "suspect_update") return c.json({ status: "ignored", reason: "unknown_type" });
  const list = Array.isArray(updates) ? updates : [];
  if (list.length > 0) for (const view of views) for (const update of list) correct(view, update);
  return c.json({ status: "processed", drivers_updated: list.length === 0 ? 0 : views.length });
}

/** A missing file is left to realtime changes and audits: a stat that does not find it is no proof of a delete. */
function correct(view: View, update: unknown): void {
  if (typeof update !== "object" || update === null) return;
  const { mtime, size, status } = update as Record<string, unknown>;
  const path = pathOf(update as RawRow);
  if (path === undefined || typeof mtime !== "number" || !Number.isFinite(mtime) || status === "missing") return;
  view.arbitration.suspects.correct(path, mtime, isSize(size) ? size : undefined);
}
