import { X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { isAbsolute } from "node:path";
import { FustorError } from "../../sdk/index.ts";

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
  /** `auto` (default): compress ingest bodies when the receiver invited it; `never`: do not. */
  readonly gzip?: "auto" | "never";
}

/** The options after their check. */
export interface FusionEndpoint {
  readonly origin: string;
  /** Path prefix without a trailing slash, mostly "". */
  readonly basePath: string;
  /** `host:port`, for messages. */
  readonly address: string;
  readonly key: string | undefined;
  readonly timeoutMs: number;
  readonly ca: string | undefined;
  readonly gzip: "auto" | "never";
}

const refuse = (what: string, cure: string, cause?: unknown): FustorError =>
  new FustorError("FUSTOR_CONFIG_INVALID", `${what}: ${cure}`, cause === undefined ? {} : { cause });

function parseUri(uri: string): URL {
  const url = URL.canParse(uri) ? new URL(uri) : undefined;
  if (url === undefined || (url.protocol !== "http:" && url.protocol !== "https:")) {
    throw refuse("the sender's address is not an http or https URL", "write it like http://localhost:8102");
  }
  if (url.username !== "" || url.password !== "") {
    throw refuse("the sender's address holds a user or password", "put the key under credential.key");
  }
  if (url.search !== "" || url.hash !== "") {
    throw refuse("the sender's address holds a query or fragment", "give the base address only");
  }
  return url;
}

function readCa(caFile: string): string {
  if (!isAbsolute(caFile)) throw refuse(`ca_file ${caFile} is relative`, "write an absolute path");
  try {
    return readFileSync(caFile, "utf8");
  } catch (error) {
    throw refuse(`ca_file ${caFile} cannot be read`, "give the sender a readable PEM file", error);
  }
}

function checkCa(ca: string, name: string): string {
  try {
    new X509Certificate(ca);
    return ca;
  } catch (error) {
    throw refuse(`${name} holds no certificate in PEM form`, "give it the CA's certificate", error);
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
    throw refuse("credential.key holds a space, a line end or a character beyond ASCII", "write the key alone");
  }
  return key;
}

/** Checks the options. Throws FUSTOR_CONFIG_INVALID with the cure, never with the key. */
export function fusionEndpoint(options: FusionSenderOptions): FusionEndpoint {
  const url = parseUri(options.uri);
  const port = url.port || (url.protocol === "https:" ? "443" : "80");
  return {
    origin: url.origin,
    basePath: url.pathname.replace(/\/+$/, ""),
    address: `${url.hostname}:${port}`,
    key: checkKey(options.key),
    timeoutMs: options.timeoutMs,
    ca: caOf(options),
    gzip: options.gzip ?? "auto",
  };
}
