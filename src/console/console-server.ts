/**
 * The status page and the admin API on http://localhost:8100: for this machine only unless the configuration says
 * otherwise, and then read-only unless it says that as well.
 *
 * On loopback it answers only requests whose host is loopback, so that a web page from the internet cannot reach it
 * under a name that points here. Any user of the machine can reach it. So it shows names, paths and texts only with the
 * token (console-token.ts), and its connections are few and short, because they must not use up the agent's file
 * descriptors. When the port is taken, the log says so and the agent runs without the page.
 *
 * The code of the page is loaded with the first request: as long as nobody opens it, it costs a socket and nothing
 * else.
 */
import type { RequestListener, Server } from "node:http";
import type { AdminPort } from "../admin/admin-port.ts";
import type { ConsoleState } from "../agent/agent-status.ts";
import { createLocalServer, REQUEST_MS } from "../agent/control/local-server.ts";
import { describeError, type Logger } from "../sdk/index.ts";
import type { ConsoleAccess } from "./console-app.ts";
import { type ConsolePlace, isLoopback, portsToTry, urlOf } from "./console-place.ts";

export interface ConsoleServer {
  readonly state: ConsoleState;
  /** Ends every connection. */
  shed(): void;
  close(): Promise<void>;
}

/** Passes every request to the page, once that is loaded. */
function loadedOnDemand(admin: AdminPort, access: ConsoleAccess, logger: Logger): RequestListener {
  let page: Promise<RequestListener> | undefined;
  return (request, response) => {
    page ??= import("./console-app.ts").then(({ consoleListener }) => consoleListener(admin, access, logger));
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

function listen(listener: RequestListener, host: string, port: number): Promise<Server> {
  const server = createLocalServer(listener);
  // For a connection on which no byte moves.
  server.timeout = REQUEST_MS;
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen({ port, host, ipv6Only: host === "::1" }, () => {
      server.off("error", reject);
      // A connection that could not be accepted is lost for its client, and has no other effect.
      server.on("error", () => undefined);
      resolve(server);
    });
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

interface Listening {
  readonly servers: readonly Server[];
  /** The host of the address for people. */
  readonly name: string;
}

/**
 * A program of another user on the other address of loopback would get requests to `localhost` that are meant for this
 * page.
 */
async function listenOnLoopback(listener: RequestListener, port: number, mayBeAlone: boolean): Promise<Listening> {
  const first = await listen(listener, "127.0.0.1", port);
  try {
    return { servers: [first, await listen(listener, "::1", portOf(first))], name: "localhost" };
  } catch (error) {
    const isTaken = (error as NodeJS.ErrnoException).code === "EADDRINUSE";
    if (!isTaken || mayBeAlone) return { servers: [first], name: "127.0.0.1" };
    await closeServer(first);
    throw error;
  }
}

async function listenAt(
  listener: RequestListener,
  host: string,
  port: number,
  mayBeAlone: boolean,
): Promise<Listening> {
  if (host === "localhost") return listenOnLoopback(listener, port, mayBeAlone);
  return { servers: [await listen(listener, host, port)], name: host };
}

export interface ConsoleOptions {
  readonly place: ConsolePlace;
  readonly token: string;
  /** How long a change may wait for its receiver before `/readyz` says no. */
  readonly maxBacklogAgeMs: number;
  /** Whether nothing can be changed there. Default: where other machines can reach it. */
  readonly isReadOnly?: boolean | undefined;
  readonly admin: AdminPort;
  /** Whether the process has no file descriptors to spare: then the page closes. Default: never. */
  readonly isPressed?: () => boolean;
  readonly logger: Logger;
}

const NO_PAGE = { shed: () => undefined, close: async () => undefined };

/** The agent may need the descriptors of the page more. */
function shedUnderPressure(server: Server, isPressed: () => boolean): void {
  server.on("connection", (socket) => {
    if (isPressed()) socket.destroy();
  });
}

/** Never rejects: without a port there is no page, and the agent runs all the same. */
export async function startConsole(options: ConsoleOptions): Promise<ConsoleServer> {
  const { place, token, maxBacklogAgeMs, admin, logger, isPressed = () => false } = options;
  const isOpen = isLoopback(place.host);
  const access = { token, isOpen, maxBacklogAgeMs, isReadOnly: options.isReadOnly ?? !isOpen };
  const listener = loadedOnDemand(admin, access, logger);
  const ports = portsToTry(place);
  let reason = "";
  for (const port of ports) {
    try {
      const { servers, name } = await listenAt(listener, place.host, port, place.port !== undefined);
      const [server] = servers;
      for (const each of servers) shedUnderPressure(each, isPressed);
      const url = urlOf(name, server === undefined ? port : portOf(server));
      const note = port === ports[0] ? undefined : `port ${ports[0]} is taken: this is the next free one`;
      // The token must not be in the log.
      logger.info({ url }, note === undefined ? "status page" : `status page: ${note}`);
      return {
        state: { state: "listening", url: `${url}?token=${token}`, ...(note === undefined ? {} : { note }) },
        shed: () => {
          for (const each of servers) each.closeAllConnections();
        },
        close: async () => void (await Promise.all(servers.map(closeServer))),
      };
    } catch (error) {
      reason = `port ${port}: ${describeError(error)}`;
      if ((error as NodeJS.ErrnoException).code !== "EADDRINUSE") break;
    }
  }
  logger.warn({ host: place.host }, `the status page is not there: ${reason}`);
  return { state: { state: "failed", reason }, ...NO_PAGE };
}
