/**
 * Opens the connection of a lane: straight to the receiver, or through a proxy, with TLS where the address asks for it.
 *
 * An opening can be cancelled at every step, which leaves no socket behind; how long it may take is the caller's
 * affair.
 */

import { request as httpRequest } from "node:http";
import { request as httpsRequest } from "node:https";
import { isIP, type Socket, connect as tcpConnect } from "node:net";
import { connect as tlsConnect } from "node:tls";
import { omitUndefined } from "../../sdk/omit-undefined.ts";
import type { FusionEndpoint, ProxyEndpoint } from "./fusion-options.ts";
import { networkFailure, proxyRefusal } from "./network-failure.ts";

/** What an opening waits for. */
export type OpeningStage = "connection" | "tls" | "proxy" | "none";

export type Opened = (error: Error | null, socket: Socket | null) => void;

interface Place {
  readonly host: string;
  readonly port: number;
}

const KEEP_ALIVE_MS = 60_000;
/** How much the streams read ahead and buffer; a TLS record holds no more. */
const PLAIN_BUFFER_BYTES = 64 * 1024;
const TLS_BUFFER_BYTES = 16 * 1024;
const SHORTEST_ATTEMPT_MS = 250;
const LONGEST_ATTEMPT_MS = 2_500;

/**
 * How long one of several addresses of a host may take before the next one is tried. Node's 250 ms are too short for a
 * long way; too long a time would leave none for the second address.
 */
export const attemptMs = (timeoutMs: number): number =>
  Math.min(Math.max(Math.round(timeoutMs / 4), SHORTEST_ATTEMPT_MS), LONGEST_ATTEMPT_MS);

const serverName = (host: string): { readonly servername?: string } => (isIP(host) === 0 ? { servername: host } : {});

/** One connection to the receiver, while it is being opened and afterwards. */
export class Opening {
  readonly #endpoint: FusionEndpoint;
  readonly #timeoutMs: number;
  readonly #sessions: TlsSessions;
  readonly #opened: Opened;
  #stage: OpeningStage = "connection";
  #cancel: () => void = () => undefined;
  #cancelled = false;
  #ended = false;

  /** Calls back exactly once, never before the constructor returned; not at all after {@link cancel}. */
  constructor(endpoint: FusionEndpoint, timeoutMs: number, sessions: TlsSessions, opened: Opened) {
    this.#endpoint = endpoint;
    this.#timeoutMs = timeoutMs;
    this.#sessions = sessions;
    this.#opened = opened;
    const { proxy, isTls } = endpoint;
    if (proxy === undefined) this.#direct();
    else if (isTls) this.#tunnel(proxy);
    else this.#toProxy(proxy);
  }

  get stage(): OpeningStage {
    return this.#stage;
  }

  /** Whatever is open or being opened is gone. */
  cancel(): void {
    this.#cancelled = true;
    this.#cancel();
  }

  #direct(): void {
    const endpoint = this.#endpoint;
    if (endpoint.isTls) this.#secure(endpoint, endpoint.ca);
    else this.#plain(endpoint);
  }

  /** For plain http the proxy is spoken to as if it were the receiver. */
  #toProxy(proxy: ProxyEndpoint): void {
    if (proxy.isTls) this.#secure(proxy, undefined);
    else this.#plain(proxy);
  }

  #plain({ host, port }: Place): void {
    const options = { host, port, highWaterMark: PLAIN_BUFFER_BYTES, ...this.#family };
    this.#take(tcpConnect(options), "connect");
  }

  /** With `through`, over a connection that is there already. */
  #secure(place: Place, ca: string | undefined, through?: Socket): void {
    const { host, port } = place;
    const session = this.#sessions.get(place);
    const options = {
      ...(through === undefined ? { port, ...this.#family } : { socket: through }),
      host,
      ...serverName(host),
      ...omitUndefined({ ca, session }),
      ALPNProtocols: ["http/1.1"],
      highWaterMark: TLS_BUFFER_BYTES,
    };
    const socket = tlsConnect(options);
    if (through === undefined) socket.once("connect", () => this.#enter("tls"));
    else this.#enter("tls");
    socket.on("session", (fresh) => this.#sessions.keep(place, fresh));
    this.#take(socket, "secureConnect");
  }

  get #family() {
    return { autoSelectFamily: true, autoSelectFamilyAttemptTimeout: attemptMs(this.#timeoutMs) };
  }

  #enter(stage: OpeningStage): void {
    if (!this.#isOver) this.#stage = stage;
  }

  #take(socket: Socket, event: "connect" | "secureConnect"): void {
    this.#cancel = () => socket.destroy();
    socket.setNoDelay(true).setKeepAlive(true, KEEP_ALIVE_MS);
    socket.once(event, () => this.#end(null, socket));
    socket.on("error", (error) => this.#end(error, null));
    socket.once("close", () => this.#end(closedEarly(), null));
  }

  /** Node's own client asks the proxy for a way through. */
  #tunnel(proxy: ProxyEndpoint): void {
    const { host, port } = this.#endpoint;
    const target = `${host.includes(":") ? `[${host}]` : host}:${port}`;
    this.#stage = "proxy";
    const ask = proxy.isTls ? httpsRequest : httpRequest;
    const options = {
      host: proxy.host,
      port: proxy.port,
      ...(proxy.isTls ? serverName(proxy.host) : {}),
      method: "CONNECT",
      path: target,
      agent: false,
      ...this.#family,
      headers: omitUndefined({ host: target, "proxy-authorization": proxy.authorization }),
    };
    const request = ask(options);
    this.#cancel = () => request.destroy();
    request.once("connect", (response, socket) => {
      if (this.#isOver) {
        socket.destroy();
        return;
      }
      if (response.statusCode === 200) {
        this.#secure(this.#endpoint, this.#endpoint.ca, socket as Socket);
        return;
      }
      socket.destroy();
      this.#end(proxyRefusal(proxy.address, response.statusCode ?? 0), null);
    });
    request.once("response", (response) => {
      response.destroy();
      this.#end(proxyRefusal(proxy.address, response.statusCode ?? 0), null);
    });
    request.on("error", (error) => this.#end(networkFailure(`the proxy ${proxy.address}`, error), null));
    request.end();
  }

  get #isOver(): boolean {
    return this.#cancelled || this.#ended;
  }

  #end(error: Error | null, socket: Socket | null): void {
    if (this.#isOver) return;
    this.#ended = true;
    this.#stage = "none";
    const { proxy, isTls } = this.#endpoint;
    const reason =
      error !== null && proxy !== undefined && !isTls ? networkFailure(`the proxy ${proxy.address}`, error) : error;
    // Never within the constructor.
    queueMicrotask(() => {
      if (!this.#cancelled) this.#opened(reason, socket);
    });
  }
}

const closedEarly = (): Error =>
  Object.assign(new Error("the connection was closed while it was being opened"), { code: "ECONNRESET" });

/** Lets a connection to the same place be resumed without a whole handshake. */
export class TlsSessions {
  readonly #sessions = new Map<string, Buffer>();

  get({ host, port }: Place): Buffer | undefined {
    return this.#sessions.get(`${host}:${port}`);
  }

  keep({ host, port }: Place, session: Buffer): void {
    this.#sessions.set(`${host}:${port}`, session);
  }
}
