/** Connections that end as soon as they are not wanted any more. */
import type { Socket } from "node:net";
import pg, { type ClientConfig } from "pg";

/** What lies below a client; its types leave it out. */
export interface Wire {
  readonly stream: Socket;
  on(event: "copyData", listener: (message: { readonly chunk: Buffer }) => void): void;
  once(event: "replicationStart", listener: () => void): void;
  sendCopyFromChunk(bytes: Buffer): void;
}

export const wireOf = (client: pg.Client): Wire => (client as unknown as { readonly connection: Wire }).connection;

/** A `replication` client speaks the protocol of replication as well as SQL without parameters. */
export async function connect(
  config: ClientConfig,
  signal: AbortSignal,
  { replication = false } = {},
): Promise<pg.Client> {
  const client = new pg.Client(replication ? ({ ...config, replication: "database" } as ClientConfig) : config);
  // A call that waits for an answer hears of a broken connection by that.
  client.on("error", () => undefined);
  const cut = (): void => disconnect(client);
  signal.addEventListener("abort", cut, { once: true });
  client.once("end", () => signal.removeEventListener("abort", cut));
  try {
    if (signal.aborted) throw new Error("the connection is not wanted any more");
    await client.connect();
  } catch (error) {
    disconnect(client);
    throw error;
  }
  return client;
}

/** At once: a server that hangs holds nothing up, and calls that wait for an answer fail. */
export function disconnect(client: pg.Client): void {
  wireOf(client).stream.destroy();
}
