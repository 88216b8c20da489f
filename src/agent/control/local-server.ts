/**
 * A local HTTP server for this machine's own tools: few connections and short requests, so that no client costs the
 * agent its file descriptors.
 */
import { createServer, type RequestListener, type Server } from "node:http";

const MOST_CONNECTIONS = 16;
/** Milliseconds, of requests; an answer may take as long as a reload takes. */
export const REQUEST_MS = 5000;
const LIMITS = {
  headersTimeout: REQUEST_MS,
  requestTimeout: REQUEST_MS,
  keepAliveTimeout: REQUEST_MS,
  connectionsCheckingInterval: 1000,
} as const;

/** Not listening yet. */
export function createLocalServer(listener: RequestListener): Server {
  const server = createServer(LIMITS, listener);
  server.maxConnections = MOST_CONNECTIONS;
  return server;
}
