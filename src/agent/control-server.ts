/**
 * The local control interface: HTTP over a Unix socket that only the owner may open.
 *
 * `GET /v1/status` answers the status snapshot, `POST /v1/stop` asks for a clean stop and answers at once. Who may open the socket
 * may do everything; there is no other authentication.
 */
import { chmod } from "node:fs/promises";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AgentStatus } from "./agent-status.ts";
import { prepareAddress } from "./control-address.ts";

export interface ControlHandlers {
  status(): AgentStatus;
  /** Must return at once; the stop itself goes on behind it. */
  requestStop(): void;
}

export interface ControlServer {
  readonly path: string;
  close(): Promise<void>;
}

function answer(response: ServerResponse, code: number, body: unknown): void {
  const text = JSON.stringify(body);
  response.writeHead(code, { "content-type": "application/json", "content-length": Buffer.byteLength(text) });
  response.end(text);
}

function handle(request: IncomingMessage, response: ServerResponse, handlers: ControlHandlers): void {
  request.resume();
  const route = `${request.method} ${request.url}`;
  if (route === "GET /v1/status") {
    answer(response, 200, handlers.status());
  } else if (route === "POST /v1/stop") {
    answer(response, 202, { stopping: true, pid: process.pid });
    handlers.requestStop();
  } else {
    answer(response, 404, { error: `no such call: ${route}` });
  }
}

/** Binding happens inside `listen`, before it returns: nobody else's file is made under this mask. */
function bindPrivately(server: Server, path: string): Promise<void> {
  const previousMask = process.umask(0o177);
  try {
    return new Promise((resolve, reject) => {
      server.once("error", reject);
      server.listen(path, resolve);
    });
  } finally {
    process.umask(previousMask);
  }
}

/** Call it only while holding the home's lock: a socket that lies there already is taken for a leftover. */
export async function startControlServer(home: string, handlers: ControlHandlers): Promise<ControlServer> {
  const address = await prepareAddress(home);
  const server = createServer((request, response) => handle(request, response, handlers));
  server.headersTimeout = 5000;
  await bindPrivately(server, address.path);
  await chmod(address.path, 0o600);
  const close = async (): Promise<void> => {
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    server.closeAllConnections();
    await closed;
    await address.dispose();
  };
  return { path: address.path, close };
}
