/** What a user configures, and how a client connects with it. */
import { createHash } from "node:crypto";
import { isIP } from "node:net";
import { hostname } from "node:os";
import {
  type Credential,
  type DriverEntry,
  type EntryCheck,
  inspectCaFile,
  type PlaceProblem,
  readCaFile,
  text,
  texts,
  type WrittenEntry,
  wholeNumber,
  z,
} from "fustor-agent/sdk";
import type { ConnectionOptions, SslOptions } from "mysql2";

/** Numbers of servers in a topology are 32 bits wide; 0 is none. */
const LARGEST_ID = 2 ** 32 - 1;

export const schema = z.object({
  tables: texts("is no list of tables; write names such as orders").optional(),
  server_id: wholeNumber(1, LARGEST_ID).optional(),
  sslmode: z
    .enum(["disable", "require", "verify-full"], { error: "is no mode; write disable, require or verify-full" })
    .optional(),
  ca_file: text.optional(),
  max_unacknowledged: wholeNumber(1_000, 10_000_000).default(50_000),
});

export type Params = z.output<typeof schema>;

const PASSWORD = "write user and passwd in credential, the latter as a variable of the environment";
const PARTS = "write mysql://host:3306/database";

function addressOf(uri: string): URL | undefined {
  try {
    const url = new URL(uri);
    return /^(mysql|mariadb):$/.test(url.protocol) && /^\/[^/]+$/.test(url.pathname) ? url : undefined;
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
  if (params.sslmode === "verify-full" && isIP(hostOf(url)) !== 0) {
    error(
      "uri",
      "names the host by a number, which verify-full cannot check",
      "write the name that the certificate has",
    );
    return undefined;
  }
  if (params.sslmode === "disable" && !isLocal(url)) {
    warn("driver_params.sslmode", "sends the password's proof and all rows without encryption", "write verify-full");
  }
  return { ...entry, uri, params };
}

export async function inspect({ params }: DriverEntry<Params>): Promise<readonly PlaceProblem[]> {
  return inspectCaFile(params.ca_file);
}

const hostOf = (url: URL): string => url.hostname.replace(/^\[(.*)\]$/, "$1");
const socketOf = (url: URL): string | undefined => url.searchParams.get("socket") ?? undefined;
const isLocal = (url: URL): boolean =>
  socketOf(url) !== undefined || /^(localhost|127(\.\d+){3}|::1)$/.test(hostOf(url));

export interface Target {
  readonly config: ConnectionOptions;
  readonly database: string;
  /** For messages: without user and password. */
  readonly place: string;
}

/** Every value arrives in a form that loses nothing: numbers that JSON cannot hold, and times, as text. */
const EXACT = {
  charset: "utf8mb4",
  timezone: "Z",
  dateStrings: true,
  supportBigNumbers: true,
  bigNumberStrings: true,
  jsonStrings: true,
} as const;

export function targetOf(uri: string, credential: Credential | undefined, params: Params): Target {
  const url = addressOf(uri);
  if (url === undefined) throw new Error(`the address is none of a database; ${PARTS}`);
  const [host, socketPath] = [hostOf(url), socketOf(url)];
  const database = decodeURIComponent(url.pathname.slice(1));
  const port = url.port === "" ? 3306 : Number(url.port);
  const user = credential?.user ?? decodeURIComponent(url.username);
  const password = credential?.kind === "password" ? credential.password : undefined;
  const ssl = tlsOf(params, url);
  const config: ConnectionOptions = {
    ...EXACT,
    ...(socketPath === undefined ? { host, port } : { socketPath }),
    database,
    ...(user === "" ? {} : { user }),
    ...(password === undefined ? {} : { password }),
    ...(ssl === undefined ? {} : { ssl }),
    connectTimeout: 10_000,
    enableKeepAlive: true,
    connectAttributes: { program_name: "fustor-agent" },
  };
  return { config, database, place: `${socketPath ?? `${host}:${port}`}/${database}` };
}

/** Without a mode: encrypted, unless it is this machine. */
function tlsOf({ sslmode, ca_file }: Params, url: URL): SslOptions | undefined {
  const mode = sslmode ?? (isLocal(url) ? "disable" : "require");
  if (mode === "disable") return undefined;
  const isChecked = mode === "verify-full";
  const ca = ca_file === undefined ? {} : { ca: readCaFile(ca_file) };
  return { ...ca, rejectUnauthorized: isChecked, verifyIdentity: isChecked };
}

/**
 * A reader of the log is known to the server by a number, and the server sends a reader away when another one comes with
 * the same number. This one is in the upper half, which people do not use for servers.
 */
export function readerIdOf(id: string): number {
  const hash = createHash("sha256").update(`${hostname()}\0${id}`).digest();
  return 2 ** 31 + (hash.readUInt32BE(0) % (2 ** 31 - 1));
}
