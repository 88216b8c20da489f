/**
 * The status page on http://localhost:8100: read-only, for this machine only.
 *
 * It binds loopback addresses and answers only requests that name loopback as their host, so that a web page elsewhere cannot
 * reach it under a name of its own that points here. A port that is taken is said and survived.
 *
 * What answers is loaded with the first request: a page that nobody opens costs an agent nothing but a socket.
 */
import { createServer, type RequestListener, type Server } from "node:http";
import type { AgentStatus, ConsoleState } from "../agent/agent-status.ts";
import { describeError, type Logger } from "../sdk/index.ts";

export const CONSOLE_PORT = 8100;

export interface ConsoleServer {
  readonly state: ConsoleState;
  close(): Promise<void>;
}

/** Hands every request to the page, once that is loaded. */
function loadedOnDemand(status: () => AgentStatus, logger: Logger): RequestListener {
  let page: Promise<RequestListener> | undefined;
  return (request, response) => {
    page ??= import("./console-app.ts").then(({ consoleListener }) => consoleListener(status));
    page.then(
      (listener) => listener(request, response),
      (error: unknown) => {
        page = undefined;
        logger.warn({ err: error }, "the status page cannot be loaded");
        response.writeHead(500).end();
      },
    );
  };
}

function listen(listener: RequestListener, hostname: string, port: number): Promise<Server> {
  const server = createServer(listener);
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
  const listener = loadedOnDemand(options.status, options.logger);
  let first: Server;
  try {
    first = await listen(listener, "127.0.0.1", options.port);
  } catch (error) {
    const reason = `port ${options.port}: ${describeError(error)}`;
    options.logger.warn({ port: options.port }, `the status page is not there: ${describeError(error)}`);
    return { state: { state: "failed", reason }, close: async () => undefined };
  }
  const port = portOf(first);
  // Machines without IPv6 do without; so does one where somebody else has the port there.
  const second = await listen(listener, "::1", port).catch((error) => {
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
