/** The admin API for the control socket. */
import type { RequestListener } from "node:http";
import { getRequestListener } from "@hono/node-server";
import { Hono } from "hono";
import { type AdminAppParts, API_BASE, adminApp } from "./admin-app.ts";

export function socketListener(parts: Omit<AdminAppParts, "gate" | "origin">): RequestListener {
  const app = new Hono().route(API_BASE, adminApp({ ...parts, origin: "control socket" }));
  return getRequestListener(app.fetch, { overrideGlobalObjects: false }) as RequestListener;
}
