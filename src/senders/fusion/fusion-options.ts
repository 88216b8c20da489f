import { CA_CURE, pemOf, readCaFile, troubleOf } from "../../sdk/http/ca-file.ts";
import { FustorError } from "../../sdk/index.ts";

/** Everything the sender needs, plain. The driver's check has seen it (fusion-driver.ts). */
export interface FusionSenderOptions {
  /** Base address of a Fusion receiver, e.g. `http://localhost:8102` or `https://host/below/a/path`. */
  readonly uri: string;
  /** Push key, sent as `X-API-Key`. Without it Fusion answers 401. */
  readonly key?: string;
  /** For one request, from the first attempt to connect to the last byte of the answer. */
  readonly timeoutMs: number;
  /** Absolute path of the certificates that alone are trusted for https; default: the well-known ones. */
  readonly caFile?: string;
  /** The same certificates as text; wins over `caFile`. */
  readonly ca?: string;
  /** A proxy that leads to the receiver, `http://[user:password@]host:port` or https; default: none. */
  readonly proxy?: string;
  /** `auto` (default): compress ingest bodies when the receiver invited it; `never`: do not. */
  readonly gzip?: "auto" | "never";
}

export interface ProxyEndpoint {
  readonly host: string;
  readonly port: number;
  /** `host:port`, for messages. */
  readonly address: string;
  /** The proxy itself speaks https. */
  readonly isTls: boolean;
  /** What `Proxy-Authorization` holds. Never logged. */
  readonly authorization: string | undefined;
  /** What must not be logged, should anybody repeat it. */
  readonly secrets: readonly string[];
}

/** The options taken apart. */
export interface FusionEndpoint {
  readonly origin: string;
  /** Without brackets. */
  readonly host: string;
  readonly port: number;
  readonly isTls: boolean;
  /** Path prefix without a trailing slash, mostly "". */
  readonly basePath: string;
  /** `host:port`, for messages. */
  readonly address: string;
  readonly key: string | undefined;
  readonly timeoutMs: number;
  readonly ca: string | undefined;
  readonly proxy: ProxyEndpoint | undefined;
  readonly gzip: "auto" | "never";
}

function caOf({ ca, caFile }: FusionSenderOptions): string | undefined {
  if (ca === undefined && caFile === undefined) return undefined;
  try {
    return ca === undefined ? readCaFile(caFile as string) : pemOf(ca);
  } catch (cause) {
    const message = `${ca === undefined ? `ca_file ${caFile}` : "ca"} ${troubleOf(cause)}: ${CA_CURE}`;
    throw new FustorError("FUSTOR_CONFIG_INVALID", message, { cause });
  }
}

const bareHost = (url: URL): string => url.hostname.replace(/^\[(.*)\]$/, "$1");

const portOf = (url: URL): number => Number(url.port || (url.protocol === "https:" ? "443" : "80"));

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function proxyOf(written: string | undefined): ProxyEndpoint | undefined {
  if (written === undefined) return undefined;
  const url = new URL(written);
  const user = decoded(url.username);
  const password = decoded(url.password);
  const hasUser = user !== "" || password !== "";
  const pair = Buffer.from(`${user}:${password}`, "utf8").toString("base64");
  return {
    host: bareHost(url),
    port: portOf(url),
    address: `${url.hostname}:${portOf(url)}`,
    isTls: url.protocol === "https:",
    authorization: hasUser ? `Basic ${pair}` : undefined,
    secrets: hasUser ? [pair, password].filter((secret) => secret !== "") : [],
  };
}

/** Throws FUSTOR_CONFIG_INVALID when the certificates are of no use at this moment. */
export function fusionEndpoint(options: FusionSenderOptions): FusionEndpoint {
  const url = new URL(options.uri);
  return {
    origin: url.origin,
    host: bareHost(url),
    port: portOf(url),
    isTls: url.protocol === "https:",
    basePath: url.pathname.replace(/\/+$/, ""),
    address: `${url.hostname}:${portOf(url)}`,
    key: options.key,
    timeoutMs: options.timeoutMs,
    ca: caOf(options),
    proxy: proxyOf(options.proxy),
    gzip: options.gzip ?? "auto",
  };
}
