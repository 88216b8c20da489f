/** Connections that end as soon as they are not wanted any more. */
import { type Connection, type ConnectionOptions, createConnection, type RowDataPacket } from "mysql2/promise";

export type Client = Connection;

/**
 * Alike on every server, whatever it is configured to prefer; each of the two comments is for one of them. A receiver that
 * is slow makes a session idle for long.
 */
export const SESSION = `SET SESSION sql_mode = '', time_zone = '+00:00', wait_timeout = 86400, net_write_timeout = 86400
  /*M! , max_statement_time = 0, idle_transaction_timeout = 0, idle_readonly_transaction_timeout = 0 */
  /*!50708 , max_execution_time = 0 */`;

export async function connect(config: ConnectionOptions, signal: AbortSignal): Promise<Client> {
  if (signal.aborted) throw new Error("the connection is not wanted any more");
  const waiting = createConnection(config);
  let client: Client | undefined;
  const cut = (): void => {
    if (client !== undefined) disconnect(client);
  };
  signal.addEventListener("abort", cut, { once: true });
  try {
    client = await waiting;
    client.on("error", () => undefined);
    client.on("end", () => signal.removeEventListener("abort", cut));
    if (signal.aborted) throw new Error("the connection is not wanted any more");
    await client.query(SESSION);
    return client;
  } catch (error) {
    cut();
    signal.removeEventListener("abort", cut);
    throw error;
  }
}

/** At once: a server that hangs holds nothing up, and calls that wait for an answer fail. */
export function disconnect(client: Client): void {
  client.destroy();
}

/** The rows of a query, under the names that it gives to its columns. */
export async function ask<T>(client: Client, sql: string, values: readonly unknown[] = []): Promise<readonly T[]> {
  const [rows] = await client.query<RowDataPacket[]>(sql, [...values]);
  return rows as unknown as readonly T[];
}

export const quoted = (name: string): string => `\`${name.replaceAll("`", "``")}\``;
