/** The status page and its data, without a listener of its own. */
import { randomBytes } from "node:crypto";
import type { RequestListener } from "node:http";
import { getRequestListener } from "@hono/node-server";
import { Hono } from "hono";
import type { AgentStatus } from "../agent/agent-status.ts";
import { renderMain, renderPage } from "./page.ts";

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

/** The page without a listener. */
export function consoleApp(status: () => AgentStatus): Hono {
  const app = new Hono();
  app.use(async (context, next) => {
    if (!isLocalHost(context.req.header("host"))) return context.text("This page is for localhost only.\n", 403);
    if (!["GET", "HEAD"].includes(context.req.method)) return context.text("Read-only.\n", 405, { allow: "GET, HEAD" });
    await next();
    for (const [name, value] of Object.entries(FIXED_HEADERS)) context.header(name, value);
  });
  app.get("/", (context) => {
    const nonce = randomBytes(16).toString("base64");
    context.header("content-security-policy", contentPolicy(nonce));
    return context.html(renderPage(status(), nonce));
  });
  app.get("/main", (context) => context.html(renderMain(status())));
  app.get("/api/status", (context) => context.json(status()));
  return app;
}

export const consoleListener = (status: () => AgentStatus): RequestListener =>
  getRequestListener(consoleApp(status).fetch) as RequestListener;
