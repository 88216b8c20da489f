import { X509Certificate } from "node:crypto";
import { readFileSync, statSync } from "node:fs";
import { isAbsolute } from "node:path";
import { refusal } from "../refusal.ts";

/** Everything the sender needs, plain. Texts in PEM. */
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
  /** A proxy that leads to the far side, `http://[user:password@]host:port` or https; default: none. */
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

/** The options after their check. */
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

function parseUri(uri: string): URL {
  const url = URL.canParse(uri) ? new URL(uri) : undefined;
  if (url === undefined || (url.protocol !== "http:" && url.protocol !== "https:")) {
    throw refusal("the sender's address is not an http or https URL", "write it like http://localhost:8102");
  }
  if (url.username !== "" || url.password !== "") {
    throw refusal("the sender's address holds a user or password", "put the key under credential.key");
  }
  if (url.search !== "" || url.hash !== "") {
    throw refusal("the sender's address holds a query or fragment", "give the base address only");
  }
  return url;
}

const CA_CURE = "name a PEM file of certificates that the agent may read";

function readCa(caFile: string): string {
  if (!isAbsolute(caFile)) throw refusal(`ca_file ${caFile} is relative`, "write an absolute path");
  try {
    // A pipe would make the start wait for a writer.
    if (statSync(caFile).isFile()) return readFileSync(caFile, "utf8");
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const what = code === "ENOENT" || code === "ENOTDIR" ? "does not exist" : `cannot be read (${code})`;
    throw refusal(`ca_file ${caFile} ${what}`, CA_CURE);
  }
  throw refusal(`ca_file ${caFile} is no file`, CA_CURE);
}

function checkCa(ca: string, name: string): string {
  try {
    new X509Certificate(ca);
    return ca;
  } catch {
    throw refusal(`${name} holds no certificate in PEM form`, CA_CURE);
  }
}

function caOf(options: FusionSenderOptions): string | undefined {
  if (options.ca !== undefined) return checkCa(options.ca, "ca");
  if (options.caFile === undefined) return undefined;
  return checkCa(readCa(options.caFile), `ca_file ${options.caFile}`);
}

function checkKey(key: string | undefined): string | undefined {
  if (key === undefined || key === "") return undefined;
  if (!/^[\x21-\x7e]+$/.test(key)) {
    throw refusal("credential.key holds a space, a line end or a character beyond ASCII", "write the key alone");
  }
  return key;
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
  if (written === undefined || written === "") return undefined;
  const url = URL.canParse(written) ? new URL(written) : undefined;
  if (url === undefined || (url.protocol !== "http:" && url.protocol !== "https:") || url.hostname === "") {
    throw refusal("the proxy's address is not an http or https URL", "write it like http://proxy.example:3128");
  }
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

/** Checks the options. Throws FUSTOR_CONFIG_INVALID with the cure, never with the key. */
export function fusionEndpoint(options: FusionSenderOptions): FusionEndpoint {
  const url = parseUri(options.uri);
  return {
    origin: url.origin,
    host: bareHost(url),
    port: portOf(url),
    isTls: url.protocol === "https:",
    basePath: url.pathname.replace(/\/+$/, ""),
    address: `${url.hostname}:${portOf(url)}`,
    key: checkKey(options.key),
    timeoutMs: options.timeoutMs,
    ca: caOf(options),
    proxy: proxyOf(options.proxy),
    gzip: options.gzip ?? "auto",
  };
}
