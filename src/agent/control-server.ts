/**
 * The local control interface: HTTP over a Unix socket that only the owner may open.
 *
 * `GET /v1/status` answers the status snapshot, `POST /v1/stop` asks for a clean stop and answers at once, `POST /v1/reload` answers
 * when the reload is over, `POST /v1/pipes/ID/stop` when that pipe has ended,
 * `POST /v1/sources/ID/confirm` at once. Who may open the socket may do everything; there is no
 * other authentication.
 */
import { chmod } from "node:fs/promises";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { describeError } from "../sdk/index.ts";
import type { AgentStatus } from "./agent-status.ts";
import { prepareAddress } from "./control-address.ts";
import type { ReloadOutcome } from "./reload-report.ts";

export interface ControlHandlers {
  status(): AgentStatus;
  /** Must return at once; the stop itself goes on behind it. */
  requestStop(): void;
  reload(): Promise<ReloadOutcome>;
  /** False when there is no such pipe. */
  stopPipe(id: string): Promise<boolean>;
  /** Undefined when no such source is open, false when there was nothing to confirm. */
  confirmSource(id: string): boolean | undefined;
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

interface Answer {
  readonly code: number;
  readonly body: unknown;
}

const ONE_SOURCE = /^POST \/v1\/sources\/([^/]+)\/confirm$/;
const ONE_PIPE = /^POST \/v1\/pipes\/([^/]+)\/stop$/;

/** A name from a path; undefined when it is no encoding of anything. */
function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

async function answerTo(route: string, handlers: ControlHandlers): Promise<Answer> {
  if (route === "GET /v1/status") return { code: 200, body: handlers.status() };
  if (route === "POST /v1/stop") return { code: 202, body: { stopping: true, pid: process.pid } };
  if (route === "POST /v1/reload") return { code: 200, body: await handlers.reload() };
  const pipe = decoded(ONE_PIPE.exec(route)?.[1] ?? "");
  if (pipe !== undefined && pipe !== "") return { code: 200, body: { stopped: await handlers.stopPipe(pipe) } };
  const source = decoded(ONE_SOURCE.exec(route)?.[1] ?? "");
  if (source !== undefined && source !== "") {
    const confirmed = handlers.confirmSource(source);
    return { code: 200, body: { known: confirmed !== undefined, confirmed: confirmed ?? false } };
  }
  return { code: 404, body: { error: `no such call: ${route}` } };
}

async function handle(request: IncomingMessage, response: ServerResponse, handlers: ControlHandlers): Promise<void> {
  request.resume();
  const route = `${request.method} ${request.url}`;
  try {
    const { code, body } = await answerTo(route, handlers);
    answer(response, code, body);
  } catch (error) {
    answer(response, 500, { error: describeError(error) });
  }
  if (route === "POST /v1/stop") handlers.requestStop();
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
  const server = createServer((request, response) => void handle(request, response, handlers));
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
