/** GET requests whose answers are read as they arrive: a connection for each that is under way. */
import type { Client as UndiciClient } from "undici";
import { Opening, TlsSessions } from "../connect.ts";
import { Deadline } from "../deadline.ts";
import type { FusionEndpoint } from "../fusion-options.ts";
import { abortedFailure, networkFailure, timeoutFailure } from "../network-failure.ts";
import { Client } from "../undici-parts.ts";

export interface StreamedAnswer {
  readonly status: number;
  header(name: string): string | undefined;
  /** Ends with FUSTOR_SENDER_UNREACHABLE when the connection does. Leaving it early closes the connection. */
  readonly pieces: AsyncGenerator<Buffer, void, undefined>;
}

interface Connection {
  readonly client: UndiciClient;
  discard(): void;
}

export class ViewConnections {
  readonly #endpoint: FusionEndpoint;
  readonly #sessions = new TlsSessions();
  readonly #idle: Connection[] = [];
  readonly #all = new Set<Connection>();
  #closed = false;

  constructor(endpoint: FusionEndpoint) {
    this.#endpoint = endpoint;
  }

  /** `path` below the base path, with a leading slash. Rejects as senders do; never later than its time. */
  async get(path: string, signal: AbortSignal): Promise<StreamedAnswer> {
    if (this.#closed || signal.aborted) throw abortedFailure("reading the view");
    const { address, timeoutMs, proxy } = this.#endpoint;
    const connection = this.#idle.pop() ?? this.#connect();
    const late = (): Error => timeoutFailure(address, timeoutMs, "none", proxy?.address);
    const deadline = new Deadline("reading the view", signal, timeoutMs, late);
    try {
      const asked = connection.client.request({ method: "GET", path: this.#whole(path), headers: this.#headers });
      asked.catch(() => undefined);
      const { statusCode, headers, body } = await Promise.race([asked, deadline.reached]);
      body.on("error", () => undefined);
      return {
        status: statusCode,
        header: (name) => [headers[name]].flat().join(", ") || undefined,
        pieces: this.#read(connection, body, signal),
      };
    } catch (error) {
      connection.discard();
      throw networkFailure(address, error);
    } finally {
      deadline.clear();
    }
  }

  close(): void {
    this.#closed = true;
    for (const connection of this.#all) connection.discard();
  }

  async *#read(
    connection: Connection,
    body: AsyncIterable<Buffer> & { destroy(): unknown },
    signal: AbortSignal,
  ): AsyncGenerator<Buffer, void, undefined> {
    const cancel = (): void => connection.discard();
    signal.addEventListener("abort", cancel, { once: true });
    let ended = false;
    try {
      for await (const piece of body) yield piece;
      ended = true;
    } catch (error) {
      throw signal.aborted ? abortedFailure("reading the view") : networkFailure(this.#endpoint.address, error);
    } finally {
      signal.removeEventListener("abort", cancel);
      if (ended && !this.#closed) this.#idle.push(connection);
      else connection.discard();
    }
  }

  /** A proxy for plain http wants to hear the whole address. */
  #whole(path: string): string {
    const { origin, basePath, proxy, isTls } = this.#endpoint;
    return `${proxy !== undefined && !isTls ? origin : ""}${basePath}${path}`;
  }

  get #headers(): Record<string, string> {
    const { key, proxy, isTls } = this.#endpoint;
    const authorization = isTls ? undefined : proxy?.authorization;
    return {
      accept: "application/json",
      "user-agent": "fustor-agent",
      ...(key === undefined ? {} : { "x-api-key": key }),
      ...(authorization === undefined ? {} : { "proxy-authorization": authorization }),
    };
  }

  #connect(): Connection {
    const { origin, timeoutMs } = this.#endpoint;
    let opening: Opening | undefined;
    const client = new Client(origin, {
      headersTimeout: 0,
      bodyTimeout: timeoutMs,
      pipelining: 1,
      connect: (_options, callback) => {
        opening?.cancel();
        opening = new Opening(this.#endpoint, timeoutMs, this.#sessions, callback as never);
      },
    });
    const connection: Connection = {
      client,
      discard: () => {
        this.#all.delete(connection);
        opening?.cancel();
        client.destroy().catch(() => undefined);
      },
    };
    this.#all.add(connection);
    return connection;
  }
}
