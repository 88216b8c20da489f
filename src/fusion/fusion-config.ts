import { readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { FustorError } from "../sdk/errors.ts";
import { ConfigDocument } from "./config-document.ts";
import { ConfigMerger } from "./config-merger.ts";
import { DEFAULT_MAX_BODY_BYTES, DEFAULT_VIEW_RETENTION_SECONDS } from "./fusion-schema.ts";

/** The configuration of the embedded Fusion: every default filled in, every reference checked. */
export interface FusionConfig {
  /** Address of the views and of management. */
  readonly host: string;
  /** 0 = any free port. */
  readonly port: number;
  /** Of the views' address; undefined = plain HTTP. */
  readonly tls?: TlsFiles;
  readonly sessionCleanupSeconds: number;
  /** Where the state is kept over restarts; undefined = nowhere. */
  readonly stateDir?: string;
  readonly receivers: ReadonlyMap<string, ReceiverConfig>;
  readonly views: ReadonlyMap<string, ViewConfig>;
  readonly pipes: ReadonlyMap<string, PipeConfig>;
  /** The files that were read, in order. */
  readonly files: readonly string[];
}

/** Absolute paths of PEM files. */
export interface TlsFiles {
  readonly certFile: string;
  readonly keyFile: string;
}

export interface ReceiverConfig {
  readonly id: string;
  /** `http`, or the name of a receiver driver. */
  readonly driver: string;
  /** Not checked yet: the driver does it. */
  readonly driverParams: Readonly<Record<string, unknown>>;
  /** Of a receiver over HTTP; undefined = plain HTTP. */
  readonly tls?: TlsFiles;
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
  /** How long Fusion remembers a delete at least, in seconds. Default 3600. */
  readonly tombstoneSeconds?: number;
  /** How long a complete view is kept for its agent after the last session was closed, in seconds. Default 0: not. */
  readonly retentionSeconds?: number;
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

const DEMO_HOST = "127.0.0.1";

/**
 * Reads `<home>/fusion-config/*.yaml`.
 *
 * @throws FustorError FUSTOR_CONFIG_MISSING without any file, FUSTOR_CONFIG_INVALID with every problem, one a line.
 */
export function loadFusionConfig(home: string): FusionConfig {
  const folder = join(home, "fusion-config");
  const names = listFolder(folder).filter((name) => /\.ya?ml$/.test(name) && !name.startsWith("."));
  if (names.length === 0) {
    const cure = "run `fustor-agent fusion init`, or add a file such as default.yaml";
    throw new FustorError("FUSTOR_CONFIG_MISSING", `no configuration in ${folder}, ${cure}`);
  }
  const config = parseFusionConfig(
    names.sort().map((name) => {
      const file = join(folder, name);
      return { file, text: readFileSync(file, "utf8") };
    }),
  );
  return config.stateDir === undefined ? config : { ...config, stateDir: resolve(home, config.stateDir) };
}

/** As {@link loadFusionConfig}, from texts. */
export function parseFusionConfig(sources: readonly { readonly file: string; readonly text: string }[]): FusionConfig {
  const documents = sources.map(({ file, text }) => new ConfigDocument(file, text));
  const merged = new ConfigMerger(documents);
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
  readonly tombstoneSeconds?: number;
  /** Default 600. */
  readonly viewRetentionSeconds?: number;
  /** Default: nothing is kept. */
  readonly stateDir?: string;
}

/** One pipe into one view on loopback, without any file: for demos and tests. Tree queries have no limit. */
export function demoFusionConfig(options: DemoFusionOptions): FusionConfig {
  const receiver: ReceiverConfig = {
    id: "http-receiver",
    driver: "http",
    driverParams: {},
    host: DEMO_HOST,
    port: options.receiverPort ?? 8102,
    pipeOfKey: new Map([[options.pushKey, options.pipe]]),
    maxBodyBytes: DEFAULT_MAX_BODY_BYTES,
  };
  const view: ViewConfig = {
    id: options.view,
    apiKeys: new Set([options.readKey]),
    hotFileThresholdSeconds: 30,
    ...(options.tombstoneSeconds === undefined ? {} : { tombstoneSeconds: options.tombstoneSeconds }),
    retentionSeconds: options.viewRetentionSeconds ?? DEFAULT_VIEW_RETENTION_SECONDS,
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
    host: DEMO_HOST,
    port: options.viewPort ?? 8101,
    sessionCleanupSeconds: 1,
    ...(options.stateDir === undefined ? {} : { stateDir: options.stateDir }),
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
