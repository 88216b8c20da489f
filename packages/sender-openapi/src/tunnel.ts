/** The way to an https service through a proxy: ask it for a connection, then speak TLS over that. */
import { request as httpRequest } from "node:http";
import { type AgentOptions, Agent as HttpsAgent, request as httpsRequest } from "node:https";
import { isIP, type Socket } from "node:net";
import { connect as tlsConnect } from "node:tls";
import { networkFailure, unreachable } from "./failures.ts";

export const hostOf = ({ hostname }: URL): string => hostname.replace(/^\[(.*)\]$/, "$1");

export const portOf = ({ port, protocol }: URL): number => Number(port || (protocol === "https:" ? 443 : 80));

/** Without user, password, path and query. */
export const addressOf = (url: URL): string => `${url.hostname}:${portOf(url)}`;

export function proxyHeaders({ username, password }: URL): Record<string, string> {
  if (username === "" && password === "") return {};
  const pair = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  return { "proxy-authorization": `Basic ${Buffer.from(pair, "utf8").toString("base64")}` };
}

type Opened = (error: Error | null, socket?: Socket) => void;

/** An option of a request beside Node's own. Node keeps `signal` from the agent, which alone can end what has no socket yet. */
export interface TunnelOptions {
  readonly tunnelSignal: AbortSignal;
}

/** What Node's agent hands over, as far as it matters. */
interface Wanted extends TunnelOptions {
  readonly host: string;
  readonly port: number;
}

export class TunnelAgent extends HttpsAgent {
  readonly #proxy: URL;

  constructor(options: AgentOptions, proxy: URL) {
    super(options);
    this.#proxy = proxy;
  }

  override createConnection(options: unknown, callback?: unknown): undefined {
    const wanted = options as Wanted;
    const opened = callback as Opened;
    const proxy = this.#proxy;
    const target = `${wanted.host.includes(":") ? `[${wanted.host}]` : wanted.host}:${wanted.port}`;
    const refused = (status: number | undefined): Error =>
      unreachable(`the proxy ${addressOf(proxy)} refuses the way to ${target} (status ${status})`);
    const ask = proxy.protocol === "https:" ? httpsRequest : httpRequest;
    const request = ask({
      host: hostOf(proxy),
      port: portOf(proxy),
      method: "CONNECT",
      path: target,
      agent: false,
      headers: { host: target, ...proxyHeaders(proxy) },
      signal: wanted.tunnelSignal,
    });
    request.once("connect", (response, socket) => {
      if (response.statusCode === 200) secure(wanted, socket as Socket, opened);
      else {
        socket.destroy();
        opened(refused(response.statusCode));
      }
    });
    request.once("response", (response) => {
      response.destroy();
      opened(refused(response.statusCode));
    });
    request.on("error", (error) => opened(networkFailure(`the proxy ${addressOf(proxy)}`, error)));
    request.end();
  }
}

function secure(wanted: Wanted, through: Socket, opened: Opened): void {
  const servername = isIP(wanted.host) === 0 ? wanted.host : "";
  const socket = tlsConnect({ ...wanted, socket: through, servername });
  const failed = (error: Error): void => opened(error);
  const end = (): void => void socket.destroy(unreachable("the call is over"));
  wanted.tunnelSignal.addEventListener("abort", end, { once: true });
  socket.once("error", failed);
  socket.once("secureConnect", () => {
    // From here on Node ends the socket with its call.
    wanted.tunnelSignal.removeEventListener("abort", end);
    socket.off("error", failed);
    opened(null, socket);
  });
}
