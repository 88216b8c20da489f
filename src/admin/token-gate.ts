/** Who may use the admin API on a port: who has the token, from no page of another origin. */
import { createHash, timingSafeEqual } from "node:crypto";
import type { AdminContext, Gate } from "./admin-app.ts";
import { type Reply, refused } from "./route.ts";

const digest = (text: string): Buffer => createHash("sha256").update(text).digest();

/** Compares in a time that reveals nothing about the token. */
export const isSameToken = (given: string, token: string): boolean => timingSafeEqual(digest(given), digest(token));

/** Of `Authorization: Bearer ...`. */
export const bearerOf = (header: string | undefined): string | undefined => /^Bearer (.+)$/i.exec(header ?? "")?.[1];

export interface TokenAccess {
  readonly token: string;
  /** Nothing can be changed. */
  readonly isReadOnly: boolean;
}

export const tokenGate =
  ({ token, isReadOnly }: TokenAccess): Gate =>
  (context, { method, isForOwner = false }) => {
    if (isOfAnotherOrigin(context)) return refused(403, "origin_refused", "the request comes from another origin");
    const given = bearerOf(context.req.header("authorization"));
    if (given === undefined) return unauthorized(context);
    if (!isSameToken(given, token))
      return refused(403, "token_wrong", "the token is another one: agents make one at each start");
    if (isReadOnly && method !== "get")
      return refused(403, "read_only", "console.read_only: nothing can be changed here");
    if (isForOwner)
      return refused(
        403,
        "socket_only",
        "only the owner of the home may change pipes: fustor-agent pipe, on its machine",
      );
    return undefined;
  };

function unauthorized(context: AdminContext): Reply {
  context.header("www-authenticate", "Bearer");
  const where = "`fustor-agent status` prints it, and it stands in console.token of the home";
  return refused(401, "token_missing", `send the token as Authorization: Bearer TOKEN; ${where}`);
}

/** Browsers say where a request comes from, other clients do not. */
function isOfAnotherOrigin(context: AdminContext): boolean {
  const { req } = context;
  const site = req.header("sec-fetch-site");
  if (site !== undefined && site !== "same-origin" && site !== "none") return true;
  const origin = req.header("origin");
  if (origin === undefined) return false;
  return !URL.canParse(origin) || new URL(origin).host !== (req.header("host") ?? "").toLowerCase();
}
