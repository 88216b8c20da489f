import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { FustorError } from "../sdk/errors.ts";
import { ConfigDocument, type ConfigMessage } from "./config-document.ts";
import type { FusionFile } from "./fusion-schema.ts";

/** The configuration of the embedded Fusion: every default filled in, every reference checked. */
export interface FusionConfig {
  /** Address of the views and of management. */
  readonly host: string;
  /** 0 = any free port. */
  readonly port: number;
  readonly sessionCleanupSeconds: number;
  readonly receivers: ReadonlyMap<string, ReceiverConfig>;
  readonly views: ReadonlyMap<string, ViewConfig>;
  readonly pipes: ReadonlyMap<string, PipeConfig>;
  /** The files that were read, in order. */
  readonly files: readonly string[];
}

export interface ReceiverConfig {
  readonly id: string;
  readonly host: string;
  /** 0 = any free port. */
  readonly port: number;
  /** Push key -> pipe. */
  readonly pipeOfKey: ReadonlyMap<string, string>;
  /** Largest request body, after decompression. */
  readonly maxBodyBytes: number;
}

export interface ViewConfig {
  readonly id: string;
  readonly apiKeys: ReadonlySet<string>;
  readonly hotFileThresholdSeconds: number;
  /** Entries that a tree query may touch; 0 = no limit. */
  readonly maxTreeItems: number;
}

export interface PipeConfig {
  readonly id: string;
  readonly receiver: string;
  readonly views: readonly string[];
  readonly auditIntervalSeconds: number;
  readonly sentinelIntervalSeconds: number;
  readonly sessionTimeoutSeconds: number;
  readonly allowConcurrentPush: boolean;
}

const DEFAULT_HOST = "127.0.0.1";
const DEFAULT_PORT = 8101;
const DEFAULT_CLEANUP_SECONDS = 5;
const DEFAULT_MAX_BODY_BYTES = 67_108_864;

/**
 * Reads `<home>/fusion-config/*.yaml`.
 *
 * @throws FustorError FUSTOR_CONFIG_MISSING without any file, FUSTOR_CONFIG_INVALID with every problem, one a line.
 */
export function loadFusionConfig(home: string): FusionConfig {
  const folder = join(home, "fusion-config");
  const names = listFolder(folder).filter((name) => /\.ya?ml$/.test(name) && !name.startsWith("."));
  if (names.length === 0) {
    throw new FustorError("FUSTOR_CONFIG_MISSING", `no configuration in ${folder}, add a file such as default.yaml`);
  }
  return parseFusionConfig(
    names.sort().map((name) => {
      const file = join(folder, name);
      return { file, text: readFileSync(file, "utf8") };
    }),
  );
}

/** As {@link loadFusionConfig}, from texts. */
export function parseFusionConfig(sources: readonly { readonly file: string; readonly text: string }[]): FusionConfig {
  const documents = sources.map(({ file, text }) => new ConfigDocument(file, text));
  const merged = new Merger(documents);
  const broken = documents.flatMap((document) => document.problems);
  // References into a file that was not understood would all look wrong.
  const problems = broken.length > 0 ? broken : merged.problems;
  if (problems.length > 0)
    throw new FustorError("FUSTOR_CONFIG_INVALID", problems.join("\n"), { details: { problems } });
  return merged.config();
}

export interface DemoFusionOptions {
  readonly pushKey: string;
  readonly readKey: string;
  readonly pipe: string;
  readonly view: string;
  /** Default 8101; 0 = any free port. */
  readonly viewPort?: number;
  /** Default 8102; 0 = any free port. */
  readonly receiverPort?: number;
  readonly sessionTimeoutSeconds?: number;
  readonly auditIntervalSeconds?: number;
  readonly sentinelIntervalSeconds?: number;
}

/** One pipe into one view on loopback, without any file: for demos and tests. Tree queries have no limit. */
export function demoFusionConfig(options: DemoFusionOptions): FusionConfig {
  const receiver: ReceiverConfig = {
    id: "http-receiver",
    host: DEFAULT_HOST,
    port: options.receiverPort ?? 8102,
    pipeOfKey: new Map([[options.pushKey, options.pipe]]),
    maxBodyBytes: DEFAULT_MAX_BODY_BYTES,
  };
  const view: ViewConfig = {
    id: options.view,
    apiKeys: new Set([options.readKey]),
    hotFileThresholdSeconds: 30,
    maxTreeItems: 0,
  };
  const pipe: PipeConfig = {
    id: options.pipe,
    receiver: receiver.id,
    views: [view.id],
    auditIntervalSeconds: options.auditIntervalSeconds ?? 600,
    sentinelIntervalSeconds: options.sentinelIntervalSeconds ?? 120,
    sessionTimeoutSeconds: options.sessionTimeoutSeconds ?? 30,
    allowConcurrentPush: true,
  };
  return {
    host: DEFAULT_HOST,
    port: options.viewPort ?? DEFAULT_PORT,
    sessionCleanupSeconds: 1,
    receivers: new Map([[receiver.id, receiver]]),
    views: new Map([[view.id, view]]),
    pipes: new Map([[pipe.id, pipe]]),
    files: [],
  };
}

function listFolder(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw new FustorError("FUSTOR_CONFIG_INVALID", `${folder} cannot be read, check its permissions`, { cause: error });
  }
}

type Section = "receivers" | "views" | "pipes";
type Entry<S extends Section> = NonNullable<FusionFile[S]>[string];
type Found<S extends Section> = Map<string, { readonly value: Entry<S>; readonly document: ConfigDocument }>;

/** Puts the files together: an id or a global setting may stand in one file only, and references must lead somewhere. */
class Merger {
  readonly problems: ConfigMessage[] = [];
  readonly #documents: readonly ConfigDocument[];
  readonly #receivers: Found<"receivers">;
  readonly #views: Found<"views">;
  readonly #pipes: Found<"pipes">;

  constructor(documents: readonly ConfigDocument[]) {
    this.#documents = documents;
    this.#receivers = this.#collect("receivers");
    this.#views = this.#collect("views");
    this.#pipes = this.#collect("pipes");
    this.#checkPipes();
    this.#checkReceivers();
    this.#checkGlobals();
  }

  config(): FusionConfig {
    return {
      host: this.#global("host") ?? DEFAULT_HOST,
      port: this.#global("port") ?? DEFAULT_PORT,
      sessionCleanupSeconds: this.#global("session_cleanup_interval") ?? DEFAULT_CLEANUP_SECONDS,
      receivers: mapped(this.#receivers, (id, value) => ({
        id,
        host: value.bind_host,
        port: value.port,
        pipeOfKey: new Map(
          value.api_keys.filter((key) => this.#isRun(key.pipe_id)).map((key) => [key.key, key.pipe_id]),
        ),
        maxBodyBytes: value.max_body_bytes,
      })),
      views: mapped(this.#views, (id, value) => ({
        id,
        apiKeys: new Set(value.api_keys),
        hotFileThresholdSeconds: value.driver_params.hot_file_threshold,
        maxTreeItems: value.driver_params.max_tree_items,
      })),
      pipes: mapped(this.#pipes, (id, value) => ({
        id,
        receiver: value.receiver,
        views: value.views.filter((view) => this.#views.get(view)?.value.disabled === false),
        auditIntervalSeconds: value.audit_interval_sec,
        sentinelIntervalSeconds: value.sentinel_interval_sec,
        sessionTimeoutSeconds: value.session_timeout_seconds,
        allowConcurrentPush: value.allow_concurrent_push,
      })),
      files: this.#documents.map((document) => document.file),
    };
  }

  #isRun(pipe: string): boolean {
    return this.#pipes.get(pipe)?.value.disabled === false;
  }

  #global<K extends "host" | "port" | "session_cleanup_interval">(key: K): FusionFile[K] {
    return this.#documents.find((document) => document.content[key] !== undefined)?.content[key];
  }

  #collect<S extends Section>(section: S): Found<S> {
    const found: Found<S> = new Map();
    for (const document of this.#documents) {
      for (const [id, value] of Object.entries(document.content[section] ?? {})) {
        const first = found.get(id);
        if (first === undefined) found.set(id, { value: value as Entry<S>, document });
        else this.#say(document, [section, id], `is also in ${first.document.file}`, "give one of them another name");
      }
    }
    return found;
  }

  #checkPipes(): void {
    for (const [id, { value, document }] of this.#pipes) {
      if (!this.#receivers.has(value.receiver)) {
        this.#say(
          document,
          ["pipes", id, "receiver"],
          `there is no receiver ${value.receiver}`,
          "name one of receivers",
        );
      }
      value.views.forEach((view, at) => {
        if (!this.#views.has(view)) {
          this.#say(document, ["pipes", id, "views", at], `there is no view ${view}`, "name one of views");
        }
      });
    }
  }

  #checkReceivers(): void {
    const ports = new Map<number, string>([[this.#global("port") ?? DEFAULT_PORT, "the views"]]);
    for (const [id, { value, document }] of this.#receivers) {
      const keys = new Set<string>();
      value.api_keys.forEach((entry, at) => {
        const place = ["receivers", id, "api_keys", at];
        if (!this.#pipes.has(entry.pipe_id)) {
          this.#say(document, [...place, "pipe_id"], `there is no pipe ${entry.pipe_id}`, "name one of pipes");
        }
        if (keys.has(entry.key))
          this.#say(document, [...place, "key"], "stands twice", "give each pipe a key of its own");
        keys.add(entry.key);
      });
      if (value.disabled || value.port === 0) continue;
      const taken = ports.get(value.port);
      if (taken !== undefined) {
        this.#say(document, ["receivers", id, "port"], `${value.port} is the port of ${taken}`, "choose another");
      }
      ports.set(value.port, `receiver ${id}`);
    }
  }

  #checkGlobals(): void {
    for (const key of ["host", "port", "session_cleanup_interval"] as const) {
      const [first, ...others] = this.#documents.filter((document) => document.content[key] !== undefined);
      for (const other of others) this.#say(other, [key], `is also in ${first?.file}`, "keep one of them");
    }
    const [document] = this.#documents;
    if (this.#pipes.size === 0 && document !== undefined) {
      this.#say(document, ["pipes"], "there is none", "add a pipe with receiver and views");
    }
  }

  #say(document: ConfigDocument, path: readonly PropertyKey[], what: string, cure: string): void {
    this.problems.push(document.message(path, what, cure));
  }
}

function mapped<V extends { readonly disabled: boolean }, R>(
  found: ReadonlyMap<string, { readonly value: V }>,
  read: (id: string, value: V) => R,
): Map<string, R> {
  const result = new Map<string, R>();
  for (const [id, { value }] of found) if (!value.disabled) result.set(id, read(id, value));
  return result;
}
