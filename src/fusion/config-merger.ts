import type { ConfigDocument, ConfigMessage } from "./config-document.ts";
import { httpTlsOf, pairProblem, receiverProblems, tlsOf, viewProblems } from "./exposure.ts";
import type { FusionConfig } from "./fusion-config.ts";
import type { FusionFile } from "./fusion-schema.ts";

const DEFAULT_HOST = "127.0.0.1";
const DEFAULT_PORT = 8101;
const DEFAULT_CLEANUP_SECONDS = 5;

const GLOBAL_KEYS = ["host", "port", "session_cleanup_interval", "state_dir", "cert_file", "key_file"] as const;
type GlobalKey = (typeof GLOBAL_KEYS)[number];

type Section = "receivers" | "views" | "pipes";
type Entry<S extends Section> = NonNullable<FusionFile[S]>[string];
type Found<S extends Section> = Map<string, { readonly value: Entry<S>; readonly document: ConfigDocument }>;

/** Merges the files: an id or a global setting may stand in one file only, and each reference must name something. */
export class ConfigMerger {
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
    this.#checkReadKeys();
    this.#checkGlobals();
    this.#checkExposure();
  }

  config(): FusionConfig {
    return {
      host: this.#global("host") ?? DEFAULT_HOST,
      port: this.#global("port") ?? DEFAULT_PORT,
      sessionCleanupSeconds: this.#global("session_cleanup_interval") ?? DEFAULT_CLEANUP_SECONDS,
      ...this.#stateDir(),
      ...tlsOf({ cert_file: this.#global("cert_file"), key_file: this.#global("key_file") }),
      receivers: mapped(this.#receivers, (id, value) => ({
        id,
        driver: value.driver,
        driverParams: value.driver_params,
        ...httpTlsOf(value),
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
        retentionSeconds: value.driver_params.view_retention_sec,
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

  #stateDir(): { readonly stateDir?: string } {
    const stateDir = this.#global("state_dir");
    return stateDir === undefined ? {} : { stateDir };
  }

  #global<K extends GlobalKey>(key: K): FusionFile[K] {
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

  /** A read key must not be a push key as well. */
  #checkReadKeys(): void {
    const pushKeys = new Map<string, string>();
    for (const [id, { value }] of this.#receivers) for (const { key } of value.api_keys) pushKeys.set(key, id);
    for (const [id, { value, document }] of this.#views) {
      value.api_keys.forEach((key, at) => {
        const receiver = pushKeys.get(key);
        if (receiver === undefined) return;
        this.#say(
          document,
          ["views", id, "api_keys", at],
          `is a push key of receiver ${receiver}`,
          "give readers a key of their own",
        );
      });
    }
  }

  #checkGlobals(): void {
    for (const key of GLOBAL_KEYS) {
      const [first, ...others] = this.#documents.filter((document) => document.content[key] !== undefined);
      for (const other of others) this.#say(other, [key], `is also in ${first?.file}`, "keep one of them");
    }
    const [document] = this.#documents;
    if (this.#pipes.size === 0 && document !== undefined) {
      this.#say(document, ["pipes"], "there is none", "add a pipe with receiver and views");
    }
  }

  #checkExposure(): void {
    const host = this.#global("host") ?? DEFAULT_HOST;
    for (const [id, { value, document }] of this.#receivers) {
      this.problems.push(...receiverProblems(document, id, value));
    }
    for (const [id, { value, document }] of this.#views) {
      this.problems.push(...viewProblems(document, id, value, host));
    }
    const withTls = this.#documents.find(({ content }) => content.cert_file ?? content.key_file);
    const pair = { cert_file: this.#global("cert_file"), key_file: this.#global("key_file") };
    if (withTls !== undefined) this.problems.push(...pairProblem(withTls, [], pair));
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
