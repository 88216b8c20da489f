/** The database as far as it has to be in order: whether it is, and what keeps it from that. */
import { AvailabilityState, FustorError, type Logger } from "fustor-agent/sdk";
import { type Catalog, readCatalog } from "./catalog.ts";
import { type Client, connect, disconnect } from "./connect.ts";
import { serverFailure } from "./failures.ts";
import type { Target } from "./params.ts";
import { examine, type Server } from "./server.ts";

export interface DatabaseOptions {
  readonly target: Target;
  readonly tables: readonly string[] | undefined;
  readonly logger: Logger;
  /** Called each time that everything was found in order. */
  readonly onReady: (client: Client, server: Server) => Promise<void>;
}

/** A server on which everything is as it has to be. */
export interface Ready {
  readonly client: Client;
  readonly server: Server;
  readonly catalog: Catalog;
}

export class Database {
  readonly availability = new AvailabilityState();
  readonly #options: DatabaseOptions;
  server: Server | undefined;
  catalog: Catalog | undefined;
  #warned = "";
  #preparing: Promise<unknown> = Promise.resolve();

  constructor(options: DatabaseOptions) {
    this.#options = options;
  }

  /** One after the other. */
  prepare(signal: AbortSignal): Promise<Server> {
    const mine = this.#preparing.then(async () => {
      const { client, server } = await this.#look(signal);
      disconnect(client);
      return server;
    });
    this.#preparing = mine.catch(() => undefined);
    return mine;
  }

  async ready(signal: AbortSignal): Promise<Ready> {
    await this.#preparing;
    return this.#look(signal);
  }

  async #look(signal: AbortSignal): Promise<Ready> {
    const { target, onReady } = this.#options;
    let client: Client | undefined;
    try {
      client = await connect(target.config, signal);
      const server = await examine(client);
      this.server = server;
      const catalog = await this.readCatalog(client);
      await onReady(client, server);
      this.availability.set({ state: "available" });
      return { client, server, catalog };
    } catch (error) {
      if (client !== undefined) disconnect(client);
      throw this.failed(error, signal);
    }
  }

  async readCatalog(client: Client): Promise<Catalog> {
    const { target, tables, logger } = this.#options;
    const catalog = await readCatalog(client, { database: target.database, names: tables });
    this.catalog = catalog;
    const notes = catalog.notes.join("; ");
    if (notes !== this.#warned && notes !== "") logger.warn({}, notes);
    this.#warned = notes;
    return catalog;
  }

  /** The failure as the contract names it; the source is away from here on, unless the call was cancelled. */
  failed(error: unknown, signal: AbortSignal): FustorError {
    if (signal.aborted) return new FustorError("FUSTOR_ABORTED", "the call was cancelled");
    const failure = serverFailure(this.#options.target.place, error);
    this.#unavailable(failure.message);
    return failure;
  }

  #unavailable(reason: string): void {
    const { current } = this.availability;
    if (current.state === "unavailable" && current.reason === reason) return;
    this.#options.logger.warn({}, reason);
    this.availability.set({ state: "unavailable", reason });
  }

  async close(): Promise<void> {
    this.availability.close();
    await this.#preparing;
  }
}
