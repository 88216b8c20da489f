/** What a user configures, and how a client connects with it. */
import { readFileSync } from "node:fs";
import type { ConnectionOptions } from "node:tls";
import {
  type Credential,
  type DriverEntry,
  type EntryCheck,
  text,
  texts,
  type WrittenEntry,
  wholeNumber,
  z,
} from "fustor-agent/sdk";
import type { ClientConfig } from "pg";
import { SESSION_OPTIONS } from "./values.ts";

const NAME = /^[a-z0-9_]{1,63}$/;

export const schema = z.object({
  publication: text.default("fustor"),
  slot: z.string().regex(NAME, { error: "is no name of a slot; use up to 63 of a-z, 0-9 and _" }).optional(),
  tables: texts("is no list of tables; write names such as public.orders").optional(),
  sslmode: z
    .enum(["disable", "require", "verify-full"], { error: "is no mode; write disable, require or verify-full" })
    .optional(),
  ca_file: text.optional(),
  max_unacknowledged: wholeNumber(1_000, 10_000_000).default(50_000),
  warn_wal_mb: wholeNumber(1).default(1_024),
});

export type Params = z.output<typeof schema>;

const PASSWORD = "write user and passwd in credential, the latter as a variable of the environment";
const PARTS = "write postgresql://host:5432/database";

function addressOf(uri: string): URL | undefined {
  try {
    const url = new URL(uri);
    return /^postgres(ql)?:$/.test(url.protocol) && url.pathname.length > 1 ? url : undefined;
  } catch {
    return undefined;
  }
}

export function check(entry: WrittenEntry<Params>, { error, warn }: EntryCheck): DriverEntry<Params> | undefined {
  const { uri, params } = entry;
  if (uri === undefined || params === undefined) return undefined;
  const url = addressOf(uri);
  if (url === undefined) {
    error("uri", "is no address of a database", PARTS);
    return undefined;
  }
  if (url.password !== "") {
    error("uri", "holds a password", PASSWORD);
    return undefined;
  }
  if (entry.credential?.kind === "key") {
    error("credential", "is a key", PASSWORD);
    return undefined;
  }
  if (params.sslmode === "disable" && !isLocal(hostOf(url))) {
    warn("driver_params.sslmode", "sends the password's proof and all rows without encryption", "write verify-full");
  }
  return { ...entry, uri, params };
}

/** A socket's folder may be given as `?host=/var/run/postgresql`. */
const hostOf = (url: URL): string => url.searchParams.get("host") ?? url.hostname.replace(/^\[(.*)\]$/, "$1");

const isLocal = (host: string): boolean => host.startsWith("/") || /^(localhost|127(\.\d+){3}|::1)$/.test(host);

export interface Target {
  readonly config: ClientConfig;
  readonly database: string;
  /** For messages: without user and password. */
  readonly place: string;
}

export function targetOf(uri: string, credential: Credential | undefined, params: Params): Target {
  const url = addressOf(uri);
  if (url === undefined) throw new Error(`the address is none of a database; ${PARTS}`);
  const host = hostOf(url);
  const database = decodeURIComponent(url.pathname.slice(1));
  const port = url.port === "" ? 5432 : Number(url.port);
  const user = credential?.user ?? decodeURIComponent(url.username);
  const password = credential?.kind === "password" ? credential.password : undefined;
  const config: ClientConfig = {
    host,
    port,
    database,
    ...(user === "" ? {} : { user }),
    ...(password === undefined ? {} : { password }),
    ssl: tlsOf(params, host),
    options: SESSION_OPTIONS,
    application_name: "fustor-agent",
    keepAlive: true,
    connectionTimeoutMillis: 10_000,
  };
  return { config, database, place: `${host}:${port}/${database}` };
}

/** Without a mode: encrypted, unless it is this machine. */
function tlsOf({ sslmode, ca_file }: Params, host: string): false | ConnectionOptions {
  const mode = sslmode ?? (isLocal(host) ? "disable" : "require");
  if (mode === "disable") return false;
  const ca = ca_file === undefined ? {} : { ca: readFileSync(ca_file, "utf8") };
  return { ...ca, rejectUnauthorized: mode === "verify-full" };
}
