/**
 * Connections to the brokers, for one call after the other. A call is one attempt with a deadline; whatever ends one
 * early closes all connections at once, so that no request of it is still on its way when the next one begins.
 */
import { Connection, type ConnectionOptions } from "@platformatic/kafka";
import type { Address } from "./check-entry.ts";
import { aborted, kafkaFailure, unreachable } from "./failures.ts";

export interface LinkSettings {
  readonly brokers: readonly Address[];
  readonly options: ConnectionOptions;
  /** For messages. */
  readonly place: string;
}

export interface CallBound {
  readonly signal: AbortSignal;
  /** By `performance.now()`. */
  readonly deadline: number;
}

/** Leader -1: there is none at the moment. */
export type Brokers = ReadonlyMap<number, Address>;

export class Link {
  readonly #settings: LinkSettings;
  readonly #connections = new Map<string, Connection>();
  #isClosed = false;

  constructor(settings: LinkSettings) {
    this.#settings = settings;
  }

  /** To a broker; undefined: to any of those that the configuration names. Throws errors of the contract alone, but for those of brokers. */
  async call<T>(
    broker: Address | undefined,
    bound: CallBound,
    ask: (connection: Connection) => Promise<T>,
  ): Promise<T> {
    return this.#within(bound, async () => {
      const connection = await (broker === undefined ? this.#any() : this.#to(broker));
      return ask(connection);
    });
  }

  /** Now. What is on its way fails. */
  close(): void {
    this.#isClosed = true;
    for (const connection of this.#connections.values()) cut(connection);
    this.#connections.clear();
  }

  async #within<T>({ signal, deadline }: CallBound, work: () => Promise<T>): Promise<T> {
    if (signal.aborted) throw aborted("a call");
    if (this.#isClosed) throw unreachable("the connections are closed");
    let end = (): void => undefined;
    const ended = new Promise<never>((_, reject) => {
      const onAbort = (): void => reject(aborted("a call"));
      const late = (): void => reject(unreachable(`${this.#settings.place} did not answer in time`));
      const timer = setTimeout(late, Math.max(0, deadline - performance.now()));
      signal.addEventListener("abort", onAbort, { once: true });
      end = () => {
        clearTimeout(timer);
        signal.removeEventListener("abort", onAbort);
      };
    });
    const result = work();
    result.catch(() => undefined);
    try {
      return await Promise.race([result, ended]);
    } finally {
      end();
    }
  }

  async #any(): Promise<Connection> {
    let trouble: unknown;
    for (const broker of this.#settings.brokers) {
      try {
        return await this.#to(broker);
      } catch (error) {
        trouble = error;
      }
    }
    throw trouble;
  }

  async #to({ host, port }: Address): Promise<Connection> {
    const key = `${host}:${port}`;
    const known = this.#connections.get(key);
    if (known?.isConnected() === true) return known;
    if (known !== undefined) cut(known);
    if (this.#isClosed) throw unreachable("the connections are closed");
    const connection = new Connection("fustor-agent", this.#settings.options);
    connection.on("error", () => undefined);
    this.#connections.set(key, connection);
    try {
      await connection.connect(host, port);
    } catch (error) {
      cut(connection);
      throw kafkaFailure(`Kafka at ${key}`, error);
    }
    return connection;
  }
}

/** A reset takes along what the broker has not read yet. */
function cut(connection: Connection): void {
  const { socket } = connection;
  try {
    void connection.close(() => undefined);
    socket?.on("error", () => undefined);
    if (socket !== undefined && typeof socket.resetAndDestroy === "function" && !("encrypted" in socket)) {
      socket.resetAndDestroy();
    } else socket?.destroy();
  } catch {
    // It is gone already.
  }
}
