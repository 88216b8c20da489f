/**
 * The status page on http://localhost:8100: read-only, for this machine only.
 *
 * It binds loopback addresses and answers only requests that name loopback as their host, so that a web page elsewhere cannot
 * reach it under a name of its own that points here. A port that is taken is said and survived.
 */
import { randomBytes } from "node:crypto";
import type { Server } from "node:http";
import { createAdaptorServer } from "@hono/node-server";
import { Hono } from "hono";
import type { AgentStatus, ConsoleState } from "../agent/agent-status.ts";
import { describeError, type Logger } from "../sdk/index.ts";
import { renderMain, renderPage } from "./page.ts";

export const CONSOLE_PORT = 8100;

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

export interface ConsoleServer {
  readonly state: ConsoleState;
  close(): Promise<void>;
}

function listen(app: Hono, hostname: string, port: number): Promise<Server> {
  const server = createAdaptorServer({ fetch: app.fetch }) as Server;
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen({ port, host: hostname, ipv6Only: hostname === "::1" }, () => resolve(server));
  });
}

const closeServer = (server: Server): Promise<void> =>
  new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });

const portOf = (server: Server): number => {
  const address = server.address();
  return typeof address === "object" && address !== null ? address.port : 0;
};

export interface ConsoleOptions {
  readonly port: number;
  readonly status: () => AgentStatus;
  readonly logger: Logger;
}

/** Never rejects: without a port there is no page, and the agent works all the same. */
export async function startConsole(options: ConsoleOptions): Promise<ConsoleServer> {
  const app = consoleApp(options.status);
  let first: Server;
  try {
    first = await listen(app, "127.0.0.1", options.port);
  } catch (error) {
    const reason = `port ${options.port}: ${describeError(error)}`;
    options.logger.warn({ port: options.port }, `the status page is not there: ${describeError(error)}`);
    return { state: { state: "failed", reason }, close: async () => undefined };
  }
  const port = portOf(first);
  // Machines without IPv6 do without; so does one where somebody else has the port there.
  const second = await listen(app, "::1", port).catch((error) => {
    options.logger.debug({ port }, `the status page does not listen on ::1: ${describeError(error)}`);
    return undefined;
  });
  const url = `http://localhost:${port}`;
  options.logger.info({ url }, "status page");
  const servers = second === undefined ? [first] : [first, second];
  return {
    state: { state: "listening", url },
    close: async () => void (await Promise.all(servers.map(closeServer))),
  };
}
