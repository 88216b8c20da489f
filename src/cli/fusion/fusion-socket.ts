/** The socket on which commands ask the embedded Fusion of their home. Only the owner of the home can open it. */
import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";
import { findAddress } from "../../agent/control/control-address.ts";
import { connect, NOBODY, textOf } from "../../agent/control/control-connection.ts";
import { type ControlServer, startControlServer } from "../../agent/control/control-server.ts";
import { lockFile } from "../../agent/process/native-lock.ts";
import { describeError, FustorError, type Logger } from "../../sdk/index.ts";
import { ensureKeyFolder, keyPaths } from "./key-file.ts";

const SOCKET = "fusion.sock";
const ANSWER_MS = 5000;
const MOST_ANSWER_BYTES = 67_108_864;

/** `METHOD /path` below `/api/v1` -> the body of the answer. */
export type SocketRoutes = Readonly<Record<string, () => unknown>>;

export interface FusionSocket {
  serve(routes: SocketRoutes): Promise<void>;
  close(): Promise<void>;
}

/**
 * Taken before any port is opened: a second Fusion of the same home ends here. A home that cannot be written has no socket,
 * and its Fusion goes on.
 *
 * @throws FustorError FUSTOR_AGENT_RUNNING
 */
export async function takeFusionSocket(home: string, logger: Logger): Promise<FusionSocket> {
  const { folder, running } = keyPaths(home);
  const warn = (error: unknown): void =>
    logger.warn(
      { error: describeError(error) },
      "commands cannot reach this Fusion, and it finds changed keys by itself, within a second",
    );
  let lock: ReturnType<typeof lockFile> | undefined;
  let server: ControlServer | undefined;
  try {
    await ensureKeyFolder(folder);
    lock = lockFile(running);
  } catch (error) {
    warn(error);
  }
  if (lock === null) {
    throw new FustorError(
      "FUSTOR_AGENT_RUNNING",
      `a Fusion of ${home} runs already: stop it first, or use another home`,
    );
  }
  return {
    serve: async (routes) => {
      if (lock === undefined) return;
      server = await startControlServer(folder, listenerOf(routes, logger), SOCKET).catch((error: unknown) => {
        warn(error);
        return undefined;
      });
    },
    close: async () => {
      await server?.close();
      lock?.unlock();
    },
  };
}

const listenerOf =
  (routes: SocketRoutes, logger: Logger): RequestListener =>
  (request, response) =>
    void answer(routes, request, response).catch((error: unknown) => {
      logger.error({ error: describeError(error) }, "a command was not answered");
      response.destroy();
    });

async function answer(routes: SocketRoutes, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const path = (request.url ?? "").replace(/^\/api\/v1/, "");
  const route = Object.hasOwn(routes, `${request.method} ${path}`) ? routes[`${request.method} ${path}`] : undefined;
  const body = await route?.();
  response.writeHead(route === undefined ? 404 : 200, { "content-type": "application/json" });
  response.end(JSON.stringify(body ?? null));
  request.resume();
}

/** The answer of the Fusion that runs on this home; undefined when none does. */
export async function askFusion<T>(home: string, method: "GET" | "POST", path: string): Promise<T | undefined> {
  const socketPath = await findAddress(keyPaths(home).folder, SOCKET);
  if (socketPath === undefined) return undefined;
  try {
    const response = await connect({ socketPath, method, path, timeoutMs: ANSWER_MS });
    const text = await textOf(response, MOST_ANSWER_BYTES);
    if (response.statusCode === 200) return JSON.parse(text) as T;
    throw new Error(`it answered ${response.statusCode}, so it may be of another version: restart it`);
  } catch (error) {
    if (NOBODY.has((error as NodeJS.ErrnoException).code ?? "")) return undefined;
    throw new FustorError("FUSTOR_INTERNAL", `the Fusion of ${home} does not answer: ${describeError(error)}`);
  }
}
