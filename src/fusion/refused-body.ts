import type { Context, Env } from "hono";
import type { BodyOutcome } from "./request-body.ts";

/** The answer to a body that was refused. */
export function refusedBody<E extends Env>(c: Context<E>, body: BodyOutcome & { readonly kind: "refused" }): Response {
  if (body.status === 503) c.header("Retry-After", "1");
  return c.json({ detail: body.detail as string }, body.status);
}
