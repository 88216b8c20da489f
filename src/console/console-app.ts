/** The console and its data, without a listener of its own. */
import { randomBytes } from "node:crypto";
import type { RequestListener } from "node:http";
import { getRequestListener } from "@hono/node-server";
import { type Context, Hono } from "hono";
import { API_BASE, adminApp } from "../admin/admin-app.ts";
import type { AdminPort } from "../admin/admin-port.ts";
import { bearerOf, isSameToken, tokenGate } from "../admin/token-gate.ts";
import type { AgentStatus } from "../agent/agent-status.ts";
import type { Logger } from "../sdk/index.ts";
import { type Health, liveness, readiness } from "./health.ts";
import { byId, byPlace, exposition } from "./metrics/exposition.ts";
import { renderMain, renderPage } from "./page.ts";
import { answerFile, PAGE_FILES, pageFiles } from "./page-files.ts";
import { renderPublicMain } from "./public-page.ts";
import { publicStatus } from "./public-status.ts";

const LOCAL_HOSTS = new Set(["localhost", "127.0.0.1", "[::1]"]);

const isLocalHost = (host: string | undefined): boolean =>
  host !== undefined && LOCAL_HOSTS.has(host.toLowerCase().replace(/:\d+$/, ""));

const FIXED_HEADERS: Readonly<Record<string, string>> = {
  "cache-control": "no-store",
  "cross-origin-resource-policy": "same-origin",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
};

const contentPolicy = (nonce: string): string =>
  [
    "default-src 'none'",
    `script-src 'nonce-${nonce}'`,
    `style-src 'nonce-${nonce}'`,
    "img-src data:",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join("; ");

export interface ConsoleAccess {
  /** Shows everything: `?token=...`, or `Authorization: Bearer ...`. */
  readonly token: string;
  /**
   * Whether a client without the token sees states and counts. False when other machines can reach the page: then it
   * sees whether the agent is healthy and nothing else.
   */
  readonly isOpen: boolean;
  /** How long a change may wait for its receiver before the agent is not ready any more. */
  readonly maxBacklogAgeMs: number;
  /** Whether nothing can be changed over this port, with the token neither. */
  readonly isReadOnly: boolean;
}

type Sight = "all" | "public";
type ConsoleEnv = { Variables: { sight: Sight } };

const givenToken = (context: Context): string | undefined =>
  context.req.query("token") ?? bearerOf(context.req.header("authorization"));

/** Undefined: the client may see nothing. A wrong token is an error, not the same as no token. */
function sightOf(context: Context, { token, isOpen }: ConsoleAccess): Sight | undefined {
  const given = givenToken(context);
  if (given === undefined) return isOpen ? "public" : undefined;
  return isSameToken(given, token) ? "all" : undefined;
}

/** Without the token a client learns yes or no: the reasons hold names. */
function answerHealth(context: Context, { isGood, reasons }: Health, sight: Sight | undefined): Response {
  const lines = sight === "all" && !isGood ? reasons : [isGood ? "ok" : "not ready"];
  return context.text(`${lines.join("\n")}\n`, isGood ? 200 : 503);
}

/** The page and the admin API without a listener. */
export function consoleApp(admin: AdminPort, access: ConsoleAccess, logger: Logger): Hono<ConsoleEnv> {
  const status = () => admin.status();
  const app = new Hono<ConsoleEnv>();
  app.use(async (context, next) => {
    // On other addresses the host name protects nothing, and the token is required in any case.
    if (access.isOpen && !isLocalHost(context.req.header("host")))
      return context.text("This page is for localhost only.\n", 403);
    await next();
    for (const [name, value] of Object.entries(FIXED_HEADERS)) {
      if (!context.res.headers.has(name)) context.header(name, value);
    }
  });
  app.route(API_BASE, adminApp({ port: admin, gate: tokenGate(access), origin: "status page", logger }));
  app.use((context, next) =>
    ["GET", "HEAD"].includes(context.req.method)
      ? next()
      : Promise.resolve(context.text("Read-only.\n", 405, { allow: "GET, HEAD" })),
  );
  app.get("/healthz", (context) => answerHealth(context, liveness(status()), sightOf(context, access)));
  app.get("/readyz", (context) =>
    answerHealth(context, readiness(status(), access.maxBacklogAgeMs), sightOf(context, access)),
  );
  // The program of the page says nothing of this agent, and a browser fetches it without the token.
  const files = pageFiles();
  for (const { path } of PAGE_FILES) app.get(path, (context) => answerFile(context.req.raw, files.get(path)));
  app.use(async (context, next) => {
    const sight = sightOf(context, access);
    if (sight === undefined) return context.text("`fustor-agent status` prints the address with its token.\n", 403);
    context.set("sight", sight);
    return next();
  });
  app.get("/", (context) => {
    const nonce = randomBytes(16).toString("base64");
    context.header("content-security-policy", contentPolicy(nonce));
    return context.html(renderPage(mainOf(context.get("sight"), status(), access), { nonce, ...access }));
  });
  app.get("/api/status", (context) => context.json(context.get("sight") === "all" ? status() : publicStatus(status())));
  app.get("/metrics", async (context) => {
    const { contentType, text } = await exposition(status(), context.get("sight") === "all" ? byId : byPlace);
    return context.body(text, 200, { "content-type": contentType });
  });
  return app;
}

const mainOf = (sight: Sight, status: AgentStatus, { maxBacklogAgeMs }: ConsoleAccess) =>
  sight === "all" ? renderMain(status, maxBacklogAgeMs) : renderPublicMain(publicStatus(status));

export const consoleListener = (admin: AdminPort, access: ConsoleAccess, logger: Logger): RequestListener =>
  getRequestListener(consoleApp(admin, access, logger).fetch, { overrideGlobalObjects: false }) as RequestListener;
