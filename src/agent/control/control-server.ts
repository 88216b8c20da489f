/**
 * The control socket: HTTP over a Unix socket that only the owner may open. What it answers is the admin API
 * (docs/admin-api.md). Who may open the socket may do everything; there is no other authentication.
 */
import { chmod, lstat, rename, rm } from "node:fs/promises";
import type { RequestListener, Server } from "node:http";
import { fileTrouble } from "../../config/file-trouble.ts";
import { AGENT_SOCKET, addressElsewhere, addressInHome, type ControlAddress, draftOf } from "./control-address.ts";
import { createLocalServer } from "./local-server.ts";

export interface ControlServer {
  readonly path: string;
  /** Listens anew when the socket's file was removed or replaced; true when it did. */
  restore(): Promise<boolean>;
  close(): Promise<void>;
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
async function listenAt(address: ControlAddress, listener: RequestListener): Promise<Listening> {
  const draft = draftOf(address.path);
  const server = createLocalServer(listener);
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

async function listen(home: string, listener: RequestListener, name: string): Promise<Listening> {
  const address = await addressInHome(home, name);
  if (address !== undefined) {
    try {
      return await listenAt(address, listener);
    } catch (error) {
      if (!NO_SOCKETS.has((error as NodeJS.ErrnoException).code ?? "")) throw fileTrouble(error, address.path, "made");
    }
  }
  const elsewhere = await addressElsewhere(home, process.env, name);
  return listenAt(elsewhere, listener).catch((error: unknown) => {
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
export async function startControlServer(
  home: string,
  listener: RequestListener,
  name = AGENT_SOCKET,
): Promise<ControlServer> {
  let current = await listen(home, listener, name);
  let ended = false;
  return {
    get path() {
      return current.address.path;
    },
    restore: async () => {
      if (ended || current.identity === (await identityText(current.address.path))) return false;
      const before = current;
      current = await listen(home, listener, name);
      await endListening(before);
      return true;
    },
    close: async () => {
      ended = true;
      await endListening(current);
    },
  };
}
