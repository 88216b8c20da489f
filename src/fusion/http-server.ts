import { readFileSync } from "node:fs";
import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerOptions,
  type ServerResponse,
} from "node:http";
import { createServer as createSecureServer } from "node:https";
import type { AddressInfo, Socket } from "node:net";
import { getRequestListener, type HttpBindings } from "@hono/node-server";
import type { Hono } from "hono";
import { FustorError } from "../sdk/errors.ts";
import type { TlsFiles } from "./fusion-config.ts";
import { isLoopback } from "./loopback.ts";

export type FusionApp = Hono<{ Bindings: HttpBindings }>;

export interface ServerBounds {
  /**
   * A connection on which nothing moves for so long in the middle of a request or an answer is closed. Default 60 s.
   */
  readonly stalledMs?: number;
  /** Further connections are closed at once. Default 4,096: enough for 1,300 agents of three each (docs/scale.md). */
  readonly mostConnections?: number;
}

export interface ListenOptions extends ServerBounds {
  readonly host: string;
  /** 0 = any free port. */
  readonly port: number;
  /** Go on to the next port when one is taken. */
  readonly portFallback: boolean;
  /** Undefined: plain HTTP. */
  readonly tls?: TlsFiles | undefined;
  /** The name of the server in messages. */
  readonly what: string;
}

export interface ListeningServer {
  readonly url: string;
  readonly port: number;
  /** Ends every connection at once. */
  close(): Promise<void>;
}

const MOST_CONNECTIONS = 4096;
const HEADERS_MS = 10_000;
/** For a whole request with its body, and for a connection on which no byte moves. */
const REQUEST_MS = 60_000;

/** How many ports after the wanted one the server tries. */
const FALLBACK_TRIES = 100;

export async function listen(app: FusionApp, options: ListenOptions): Promise<ListeningServer> {
  const handle = getRequestListener(app.fetch as Parameters<typeof getRequestListener>[0]);
  const guarded = isLoopback(options.host) ? behindHostCheck(handle) : handle;
  const timeouts = {
    // An agent that is idle between two batches should find its connection alive.
    keepAliveTimeout: 75_000,
    headersTimeout: HEADERS_MS,
    requestTimeout: REQUEST_MS,
    connectionsCheckingInterval: 1000,
  };
  const listener: RequestListener = (request, response) => void guarded(request, response);
  const { tls } = options;
  const server = tls === undefined ? createServer(timeouts, listener) : secureServer(tls, options, timeouts, listener);
  server.maxConnections = options.mostConnections ?? MOST_CONNECTIONS;
  server.timeout = options.stalledMs ?? REQUEST_MS;
  const connections = connectionsOf(server);
  const port = await bind(server, options);
  const name = options.host.includes(":") ? `[${options.host}]` : options.host;
  return {
    url: `${tls === undefined ? "http" : "https"}://${name}:${port}`,
    port,
    close: () => close(server, connections),
  };
}

/** The files are read once, at the start. */
function secureServer(
  { certFile, keyFile }: TlsFiles,
  { what }: ListenOptions,
  timeouts: ServerOptions,
  listener: RequestListener,
): Server {
  const read = (key: string, file: string): Buffer => {
    try {
      return readFileSync(file);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      throw new FustorError("FUSTOR_CONFIG_INVALID", `${what}: ${key} ${file} cannot be read (${code})`, {
        cause: error,
      });
    }
  };
  const [cert, key] = [read("cert_file", certFile), read("key_file", keyFile)];
  try {
    return createSecureServer({ ...timeouts, cert, key, handshakeTimeout: HEADERS_MS }, listener);
  } catch (error) {
    const message = `${what}: ${certFile} and ${keyFile} are no certificate with its key (PEM)`;
    throw new FustorError("FUSTOR_CONFIG_INVALID", message, { cause: error });
  }
}

async function bind(server: Server, options: ListenOptions): Promise<number> {
  const tries = options.portFallback && options.port !== 0 ? FALLBACK_TRIES : 1;
  for (let port = options.port; ; port++) {
    try {
      await listenOnce(server, port, options.host);
      return (server.address() as AddressInfo).port;
    } catch (error) {
      const taken = (error as NodeJS.ErrnoException).code === "EADDRINUSE";
      if (taken && port + 1 < options.port + tries && port < 65_535) continue;
      throw refused(error, port, options);
    }
  }
}

function refused(error: unknown, port: number, { host, what }: ListenOptions): FustorError {
  const code = (error as NodeJS.ErrnoException).code;
  const why = code === "EADDRINUSE" ? "is taken by another program" : `cannot be opened (${code ?? String(error)})`;
  const message = `${what}: port ${port} on ${host} ${why}, choose another in the configuration`;
  return new FustorError("FUSTOR_CONFIG_INVALID", message, { cause: error, details: { host, port } });
}

function listenOnce(server: Server, port: number, host: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, () => {
      server.off("error", reject);
      // A connection that could not be accepted is lost for its client, and has no other effect.
      server.on("error", () => undefined);
      resolve();
    });
  });
}

/** Those over which nothing was said yet as well: `closeAllConnections` leaves one in its TLS handshake open, for 10 s. */
function connectionsOf(server: Server): ReadonlySet<Socket> {
  const open = new Set<Socket>();
  server.on("connection", (socket: Socket) => {
    open.add(socket);
    socket.once("close", () => open.delete(socket));
  });
  return open;
}

function close(server: Server, connections: ReadonlySet<Socket>): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    for (const socket of connections) socket.destroy();
  });
}

type Handle = (request: IncomingMessage, response: ServerResponse) => Promise<void>;

/** A page on the internet may let a name of its own point at 127.0.0.1. The Host header then shows that name. */
function behindHostCheck(handle: Handle): Handle {
  return async (request, response) => {
    if (isLoopbackHostHeader(request.headers.host)) return handle(request, response);
    request.resume();
    response.writeHead(403, { "content-type": "application/json" });
    response.end(JSON.stringify({ detail: "This server answers only to loopback host names" }));
  };
}

export function isLoopbackHostHeader(host: string | undefined): boolean {
  return host === undefined || /^(127\.0\.0\.1|localhost|\[::1\])(:\d+)?$/i.test(host);
}
