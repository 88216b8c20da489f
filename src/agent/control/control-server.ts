/**
 * The local control interface: HTTP over a Unix socket that only the owner may open.
 *
 * `GET /v1/status` answers the status snapshot, `POST /v1/stop` asks for a clean stop and answers at once, `POST
 * /v1/reload` answers when the reload is over, `POST /v1/pipes/ID/stop` when that pipe has ended, `POST
 * /v1/pipes/NAME/start` when it runs or failed, `POST /v1/sources/ID/confirm` and `POST /v1/pipes/ID/audit/COMMAND` (a
 * {@link SweepCommand}, `start` with `?mode=` or without) at once. Who may open the socket may do
 * everything; there is no other authentication.
 */
import { chmod, lstat, rename, rm } from "node:fs/promises";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import { fileTrouble } from "../../config/file-trouble.ts";
import { describeError, isFustorError, omitUndefined, type SweepCommand } from "../../sdk/index.ts";
import type { AgentStatus } from "../agent-status.ts";
import type { ReloadOutcome, StartedPipe, StartOutcome } from "../reload/reload-report.ts";
import { addressElsewhere, addressInHome, type ControlAddress, draftOf } from "./control-address.ts";
import { createLocalServer } from "./local-server.ts";

export interface ControlHandlers {
  status(): AgentStatus;
  /** Must return at once; the stop itself goes on behind it. */
  requestStop(): void;
  reload(): Promise<ReloadOutcome>;
  /**
   * One pipe by its name, or those of a configuration file; each with how it went. Throws what the configuration is
   * refused for.
   */
  startPipes(name: string): Promise<readonly StartedPipe[]>;
  /** False when there is no such pipe. */
  stopPipe(id: string): Promise<boolean>;
  /** Undefined when no such source is open, false when there was nothing to confirm. */
  confirmSource(id: string): boolean | undefined;
  /** Undefined when no such pipe runs, false when there was nothing to do. */
  sweepSource(pipe: string, command: SweepCommand): boolean | undefined;
}

export interface ControlServer {
  readonly path: string;
  /** Listens anew when the socket's file was removed or replaced; true when it did. */
  restore(): Promise<boolean>;
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
const NEW_PIPES = /^POST \/v1\/pipes\/([^/]+)\/start$/;

const SWEEP = /^POST \/v1\/pipes\/([^/]+)\/audit\/(start|pause|resume|cancel)(?:\?mode=(names|stat|hash))?$/;

/** Undefined when the route is none of these. */
function sweepAnswer(route: string, handlers: ControlHandlers): Answer | undefined {
  const [, encoded = "", kind, mode] = SWEEP.exec(route) ?? [];
  const pipe = decoded(encoded);
  if (pipe === undefined || pipe === "") return undefined;
  const done = handlers.sweepSource(pipe, omitUndefined({ kind, mode }) as SweepCommand);
  return { code: 200, body: { known: done !== undefined, done: done ?? false } };
}

/** A name from a path; undefined when it is no encoding of anything. */
function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

async function outcomeOf(start: () => Promise<readonly StartedPipe[]>): Promise<StartOutcome> {
  try {
    return { kind: "done", pipes: await start() };
  } catch (error) {
    const code = isFustorError(error) ? error.code : "FUSTOR_INTERNAL";
    return { kind: "refused", code, message: describeError(error) };
  }
}

const startAnswer = (body: StartOutcome): Answer => ({ code: 200, body });

async function answerTo(route: string, handlers: ControlHandlers): Promise<Answer> {
  if (route === "GET /v1/status") return { code: 200, body: handlers.status() };
  if (route === "POST /v1/stop") return { code: 202, body: { stopping: true, pid: process.pid } };
  if (route === "POST /v1/reload") return { code: 200, body: await handlers.reload() };
  const pipe = decoded(ONE_PIPE.exec(route)?.[1] ?? "");
  if (pipe !== undefined && pipe !== "") return { code: 200, body: { stopped: await handlers.stopPipe(pipe) } };
  const name = decoded(NEW_PIPES.exec(route)?.[1] ?? "");
  if (name !== undefined && name !== "") return startAnswer(await outcomeOf(() => handlers.startPipes(name)));
  const source = decoded(ONE_SOURCE.exec(route)?.[1] ?? "");
  if (source !== undefined && source !== "") {
    const confirmed = handlers.confirmSource(source);
    return { code: 200, body: { known: confirmed !== undefined, confirmed: confirmed ?? false } };
  }
  return sweepAnswer(route, handlers) ?? { code: 404, body: { error: `no such call: ${route}` } };
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
      server.listen(path, () => {
        server.off("error", reject);
        resolve();
      });
    });
  } finally {
    process.umask(previousMask);
  }
}

const identityText = (path: string): Promise<string | undefined> =>
  lstat(path, { bigint: true }).then(
    ({ dev, ino }) => `${dev}:${ino}`,
    () => undefined,
  );

interface Listening {
  readonly server: Server;
  readonly address: ControlAddress;
  /** Of the socket, so that somebody else's in its place is left alone. */
  readonly identity: string | undefined;
}

/**
 * Bound beside and moved into place: whoever closes a listening socket also removes the name that it was bound under,
 * whosever socket stands there by then.
 */
async function listenAt(address: ControlAddress, handlers: ControlHandlers): Promise<Listening> {
  const draft = draftOf(address.path);
  const server = createLocalServer((request, response) => void handle(request, response, handlers));
  await bindPrivately(server, draft);
  // A connection that could not be taken is lost to who wanted it, nothing more.
  server.on("error", () => undefined);
  try {
    await chmod(draft, 0o600);
    await rename(draft, address.path);
  } catch (error) {
    server.close();
    throw error;
  }
  return { server, address, identity: await identityText(address.path) };
}

/** What a file system says that takes no sockets. */
const NO_SOCKETS = new Set(["EPERM", "EOPNOTSUPP", "ENOTSUP", "EINVAL", "ENOSYS", "ENXIO"]);

async function listen(home: string, handlers: ControlHandlers): Promise<Listening> {
  const address = await addressInHome(home);
  if (address !== undefined) {
    try {
      return await listenAt(address, handlers);
    } catch (error) {
      if (!NO_SOCKETS.has((error as NodeJS.ErrnoException).code ?? "")) throw fileTrouble(error, address.path, "made");
    }
  }
  const elsewhere = await addressElsewhere(home);
  return listenAt(elsewhere, handlers).catch((error: unknown) => {
    throw fileTrouble(error, elsewhere.path, "made");
  });
}

async function endListening({ server, address, identity }: Listening): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeAllConnections();
  await closed;
  if (identity === undefined || identity !== (await identityText(address.path))) return;
  await rm(address.path, { force: true });
  await address.dispose();
}

/** Call it only while holding the home's lock: a socket that lies there already is taken for a leftover. */
export async function startControlServer(home: string, handlers: ControlHandlers): Promise<ControlServer> {
  let current = await listen(home, handlers);
  let ended = false;
  return {
    get path() {
      return current.address.path;
    },
    restore: async () => {
      if (ended || current.identity === (await identityText(current.address.path))) return false;
      const before = current;
      current = await listen(home, handlers);
      await endListening(before);
      return true;
    },
    close: async () => {
      ended = true;
      await endListening(current);
    },
  };
}
