/** Routes for discovery, audits and the sentinel: the same on the receivers and on the management port. */
import type { HttpBindings } from "@hono/node-server";
import { type Context, Hono, type MiddlewareHandler } from "hono";
import type { ContentfulStatusCode } from "hono/utils/http-status";
import { KEY_HEADER, type KeyOwner, type KeyRing, READS_ONLY } from "./api-keys.ts";
import type { ByteBudget } from "./byte-budget.ts";
import type { FusionActs } from "./fusion-acts.ts";
import type { FusionCore } from "./fusion-core.ts";
import type { FusionApp } from "./http-server.ts";
import { refusedBody } from "./refused-body.ts";
import { readJson } from "./request-body.ts";
import { applyFeedback, sentinelTask } from "./sentinel.ts";
import type { View } from "./view.ts";

type OwnerEnv = { Bindings: HttpBindings; Variables: { owner: KeyOwner } };

const FEEDBACK_BYTES = 8_388_608;

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

export function consistencyRoutes(core: FusionCore, acts: FusionActs, keys: KeyRing, budget: ByteBudget): FusionApp {
  const app = new Hono<OwnerEnv>();
  const key = keyRequired(keys);
  app.use("/consistency/*", key, pushKeyRequired);
  app.get("/session", (c) => c.redirect(withSlash(c.req.url), 307));
  app.post("/session", (c) => c.redirect(withSlash(c.req.url), 307));
  app.get("/session/", key, (c) => c.json({ view_id: c.get("owner").id, status: "authorized" }));
  app.post("/consistency/audit/start", (c) =>
    c.json({ status: "audit_started", drivers_handled: acts.startAudit(c.get("owner").id) }),
  );
  app.post("/consistency/audit/end", (c) =>
    c.json({ status: "audit_ended", drivers_handled: acts.finishAudit(c.get("owner").id) }),
  );
  app.get("/consistency/sentinel/tasks", (c) => c.json(sentinelTask(viewsOf(core, c.get("owner")))));
  app.post("/consistency/sentinel/feedback", (c) => feedback(c, acts, budget));
  return app as unknown as FusionApp;
}

function withSlash(url: string): string {
  const target = new URL(url);
  target.pathname += "/";
  return target.toString();
}

/** A push key is valid for the views that its pipe feeds. */
const viewsOf = (core: FusionCore, owner: KeyOwner): readonly View[] => core.pipes.get(owner.id)?.views ?? [];

async function feedback(c: Context<OwnerEnv>, acts: FusionActs, budget: ByteBudget): Promise<Response> {
  const body = await readJson(c.env.incoming, { maxBytes: FEEDBACK_BYTES, budget });
  if (body.kind === "refused") return refusedBody(c, body);
  const { status, body: answer } = applyFeedback(acts, c.get("owner").id, body.value);
  return c.json(answer, status as ContentfulStatusCode);
}
