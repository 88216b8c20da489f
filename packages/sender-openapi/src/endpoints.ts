/** Finds in an OpenAPI document where batches, questions for the checkpoint, sessions and heartbeats go. Pure. */
import { badAnswer } from "./failures.ts";

type Role = "ingest" | "status" | "session" | "heartbeat";
type Members = Readonly<Record<string, unknown>>;

export interface Endpoint {
  readonly method: "GET" | "POST" | "DELETE";
  /** As the document has it, perhaps with `{session_id}` and the like. */
  readonly path: string;
  /** The same, whole. */
  readonly url: string;
}

export interface Service {
  readonly ingest: Endpoint;
  readonly status: Endpoint | undefined;
  readonly session: Endpoint | undefined;
  readonly heartbeat: Endpoint | undefined;
  readonly close: Endpoint | undefined;
  /** The header that carries a key; undefined: `Authorization`. */
  readonly keyHeader: string | undefined;
}

/** What the configuration says instead of the document. */
export type Written = { readonly [name in Role | "server" | "key_header"]?: string | undefined };

interface Way {
  readonly method: "GET" | "POST";
  readonly extension: string;
  readonly ids: readonly string[];
  readonly paths: readonly RegExp[];
}

/** How each is found, in this order: what the configuration names, the extensions, the operationIds, the paths. */
const WAYS: Readonly<Record<Role, Way>> = {
  ingest: {
    method: "POST",
    extension: "ingest-batch",
    ids: ["ingestBatch", "ingest_batch"],
    paths: [/\/ingest-batch$/, /events/, /batch/],
  },
  status: {
    method: "GET",
    extension: "status",
    ids: ["pipelineStatus", "pipeline_status"],
    paths: [/position|checkpoint|pipeline-status/],
  },
  session: {
    method: "POST",
    extension: "open-session",
    ids: ["openSession", "open_session"],
    paths: [/^(?!.*heartbeat).*session/],
  },
  heartbeat: { method: "POST", extension: "heartbeat", ids: ["heartbeat"], paths: [/heartbeat/] },
};

/** Of both generations of agents. */
const PREFIXES = ["x-fuagent", "x-fustor_agent"];
const METHODS = ["get", "post", "delete"];
const HEADER = /^[A-Za-z][A-Za-z0-9-]*$/;

const members = (value: unknown): Members =>
  typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Members) : {};

/** `POST /path` -> operationId. */
function operationsOf({ paths }: Members): ReadonlyMap<string, string> {
  const operations = new Map<string, string>();
  for (const [path, item] of Object.entries(members(paths)).filter(([each]) => each.startsWith("/"))) {
    for (const method of METHODS.filter((each) => typeof members(item)[each] === "object")) {
      const { operationId } = members(members(item)[method]);
      operations.set(`${method.toUpperCase()} ${path}`, typeof operationId === "string" ? operationId : "");
    }
  }
  return operations;
}

class Search {
  readonly #document: Members;
  readonly #server: Members;
  readonly #operations: ReadonlyMap<string, string>;
  /** Of the document, in errors. */
  readonly #name: string;
  readonly #written: Written;

  constructor(document: Members, name: string, written: Written) {
    this.#document = document;
    this.#server = members(Array.isArray(document.servers) ? document.servers[0] : undefined);
    this.#operations = operationsOf(document);
    this.#name = name;
    this.#written = written;
  }

  pathOf(role: Role): string | undefined {
    const asked = this.#written[role];
    if (asked === "none" && role !== "ingest") return undefined;
    if (asked !== undefined) return this.#named(role, asked, `driver_params.${role}`);
    for (const prefix of PREFIXES) {
      const extension = `${prefix}-${WAYS[role].extension}-endpoint`;
      const value = this.#document[extension] ?? this.#server[extension];
      if (typeof value === "string") return this.#named(role, value, extension);
    }
    return this.#guessed(role);
  }

  ingestPath(): string {
    const path = this.pathOf("ingest");
    if (path !== undefined) return path;
    throw badAnswer(
      `${this.#name} does not say where batches go: no x-fuagent-ingest-batch-endpoint, no operationId ingestBatch, ` +
        `and no POST path with "ingest-batch", "events" or "batch" (${this.#those("POST")}); ` +
        "add one of them, or name the path in driver_params.ingest",
    );
  }

  /** A session is closed by DELETE of the path that opens it, or of one below it. */
  closingPath(session: string | undefined): string | undefined {
    if (session === undefined) return undefined;
    const open = session.replace(/\/+$/, "");
    return this.#pathsWith("DELETE").find((path) => path.replace(/\/+$/, "") === open || path.startsWith(`${open}/{`));
  }

  /** The address that the paths lie below. */
  base(documentUrl: string | undefined): string {
    if (this.#written.server !== undefined) return this.#written.server;
    const { url = "/" } = this.#server;
    if (typeof url !== "string" || !URL.canParse(url, documentUrl)) {
      throw badAnswer(
        `${this.#name}: servers[0].url is no whole address; write one there or into driver_params.server`,
      );
    }
    const base = new URL(url, documentUrl);
    // The credential of the configuration counts, and an address stands in errors.
    base.username = base.password = "";
    if (documentUrl === undefined || base.origin === new URL(documentUrl).origin) return base.href;
    throw badAnswer(
      `${this.#name}: servers[0].url leads to ${base.origin}, another origin than the document's; ` +
        "should batches and the credential go there, write it into driver_params.server",
    );
  }

  /** The header for a key, when the document asks for one and for no bearer token. */
  keyHeader(): string | undefined {
    if (this.#written.key_header !== undefined) return this.#written.key_header;
    const schemes = Object.values(members(members(this.#document.components).securitySchemes)).map(members);
    const takesBearer = schemes.some(({ type, scheme }) => type === "http" && /^bearer$/i.test(String(scheme)));
    const { name } = schemes.find(({ type, in: place }) => type === "apiKey" && place === "header") ?? {};
    return !takesBearer && typeof name === "string" && HEADER.test(name) ? name : undefined;
  }

  /** By its path or its operationId. */
  #named(role: Role, value: string, where: string): string {
    const { method } = WAYS[role];
    const isPath = value.startsWith("/");
    const path = isPath ? value : this.#withId(method, [value]);
    if (path !== undefined && this.#operations.has(`${method} ${path}`)) return path;
    const what = isPath ? `no ${method} ${value}` : `no ${method} operation "${value}"`;
    throw badAnswer(`${this.#name}: ${where} names "${value}", but "paths" has ${what} (${this.#those(method)})`);
  }

  #guessed(role: Role): string | undefined {
    const { method, ids, paths } = WAYS[role];
    const known = this.#pathsWith(method);
    const named = this.#withId(method, ids);
    return named ?? paths.map((pattern) => known.find((path) => pattern.test(path))).find((path) => path !== undefined);
  }

  #withId(method: string, ids: readonly string[]): string | undefined {
    return this.#pathsWith(method).find((path) => ids.includes(this.#operations.get(`${method} ${path}`) ?? ""));
  }

  #pathsWith(method: string): readonly string[] {
    const keys = [...this.#operations.keys()].filter((key) => key.startsWith(`${method} `));
    return keys.map((key) => key.slice(method.length + 1));
  }

  #those(method: string): string {
    const paths = this.#pathsWith(method).slice(0, 5);
    return paths.length === 0 ? `it has no ${method} at all` : `it has ${method} ${paths.join(", ")}`;
  }
}

export interface DocumentPlace {
  /** In errors. */
  readonly name: string;
  /** Undefined for a file. */
  readonly url: string | undefined;
  readonly written: Written;
}

/** Throws FUSTOR_SENDER_BAD_ANSWER with the document, the path and what is missing. */
export function findEndpoints(document: unknown, { name, url, written }: DocumentPlace): Service {
  const { paths } = members(document);
  if (typeof paths !== "object" || paths === null) throw badAnswer(`${name} is no OpenAPI document: it has no "paths"`);
  const search = new Search(members(document), name, written);
  const base = search.base(url).replace(/\/+$/, "");
  const at = (method: Endpoint["method"], path: string): Endpoint => ({ method, path, url: `${base}${path}` });
  const maybe = (method: Endpoint["method"], path: string | undefined): Endpoint | undefined =>
    path === undefined ? undefined : at(method, path);
  const session = search.pathOf("session");
  return {
    ingest: at("POST", search.ingestPath()),
    status: maybe("GET", search.pathOf("status")),
    session: maybe("POST", session),
    heartbeat: maybe("POST", search.pathOf("heartbeat")),
    close: maybe("DELETE", search.closingPath(session)),
    keyHeader: search.keyHeader(),
  };
}
