/** `driver_params` of the fs source, checked; names and defaults are listed in docs/config.md. */
import { isAbsolute, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { FustorError, hasLostBytes, LOST_BYTES } from "../../sdk/index.ts";

/** What tells of changes: see docs/config.md. `parcel` is @parcel/watcher, for file systems and machines where neither kernel way works. */
export const ENGINES = ["auto", "fanotify", "inotify", "parcel", "poll"] as const;
export type FsEngine = (typeof ENGINES)[number];

/** `message-only`: snapshots hold no rows; their end is sent all the same. Audits bring what stood there before. */
export const STARTUP_MODES = ["full", "message-only"] as const;
export type StartupMode = (typeof STARTUP_MODES)[number];

export interface FsSourceOptions {
  /** Absolute path of the tree. */
  readonly root: string;
  readonly engine: FsEngine;
  readonly startupMode: StartupMode;
  readonly filePattern: string;
  readonly exclude: readonly string[];
  /** Absolute paths that are left out exactly: the agent's own files. */
  readonly excludePaths: readonly string[];
  readonly crossMounts: boolean;
  /** 0 = number of cores. */
  readonly scanThreads: number;
  /** Shortest time between two rows of a file that is being written. */
  readonly throttleMs: number;
  /** A budget below the kernel's limit; 0 = the kernel's alone. */
  readonly maxWatches: number;
  /** Each directory without a watch is listed once in this time. */
  readonly pollMs: number;
  /** The same on file systems that others change behind the kernel's back, with the engine `auto`; 0 = never. */
  readonly remotePollMs: number;
  /** Directories whose path is longer are not entered; 0 = no limit. */
  readonly maxPathBytes: number;
  /** A file is written into the root this often, to see that an event comes of it; 0 = never. */
  readonly canaryMs: number;
  /** Passes over the whole tree: weaker than other threads (0..19, 0 = as the process). */
  readonly scanNice: number;
  /** Class and level as of ioprio_set(2), 0 = as the process. */
  readonly scanIoPriority: number;
  /** 0 = no limit. */
  readonly scanEntriesPerSecond: number;
}

export interface FsSourceSettings {
  readonly uri: string;
  /** As written, snake_case. */
  readonly driverParams: Readonly<Record<string, unknown>>;
  readonly excludePaths: readonly string[];
}

const refuse = (key: string, expected: string): never => {
  throw new FustorError("FUSTOR_CONFIG_INVALID", `driver_params.${key} of an fs source must be ${expected}`);
};

export function parseFsOptions({ uri, driverParams: params, excludePaths }: FsSourceSettings): FsSourceOptions {
  const engine = parseEngine(params.engine);
  return {
    root: parseRoot(uri),
    engine,
    startupMode: parseStartupMode(params.startup_mode),
    filePattern: parseText("file_pattern", params.file_pattern, "*"),
    exclude: parseTexts("exclude", params.exclude),
    excludePaths,
    crossMounts: parseBoolean("cross_mounts", params.cross_mounts, true),
    scanThreads: parseNumber("max_scan_workers", params.max_scan_workers, 0),
    throttleMs: parseNumber("throttle_interval_sec", params.throttle_interval_sec, 1) * 1000,
    maxWatches: parseNumber("max_watches", params.max_watches, 0),
    pollMs: parseNumber("poll_interval_sec", params.poll_interval_sec, 60) * 1000,
    remotePollMs: parseNumber("remote_poll_interval_sec", params.remote_poll_interval_sec, 10) * 1000,
    maxPathBytes: parseWhole("max_path_bytes", params.max_path_bytes, 4096),
    canaryMs: parseCanary(params.canary_interval_sec, engine),
    scanNice: parseNice(params.scan_nice),
    scanIoPriority: parseIoPriority(params.scan_ionice),
    scanEntriesPerSecond: parseNumber("scan_entries_per_second", params.scan_entries_per_second, 0),
  };
}

function parseRoot(uri: string): string {
  const path = uri.startsWith("file:") ? pathOfUrl(uri) : uri;
  if (hasLostBytes(path))
    throw new FustorError("FUSTOR_CONFIG_INVALID", `the uri of an fs source, ${uri}: ${LOST_BYTES}`);
  if (!isAbsolute(path)) {
    throw new FustorError("FUSTOR_CONFIG_INVALID", `the uri of an fs source must be an absolute path, not ${uri}`);
  }
  const clean = normalize(path);
  return clean.length > 1 && clean.endsWith("/") ? clean.slice(0, -1) : clean;
}

function pathOfUrl(uri: string): string {
  try {
    return fileURLToPath(uri);
  } catch (cause) {
    const lost = cause instanceof URIError;
    const why = lost ? LOST_BYTES : "this is no file: address of a path on this machine";
    throw new FustorError("FUSTOR_CONFIG_INVALID", `the uri of an fs source, ${uri}: ${why}`, { cause });
  }
}

function parseEngine(value: unknown): FsEngine {
  if (value === undefined || value === null) return "auto";
  const engine = ENGINES.find((name) => name === value);
  return engine ?? refuse("engine", `one of ${ENGINES.join(", ")}`);
}

function parseStartupMode(value: unknown): StartupMode {
  if (value === undefined || value === null) return "full";
  const mode = STARTUP_MODES.find((name) => name === value);
  return mode ?? refuse("startup_mode", `one of ${STARTUP_MODES.join(", ")}`);
}

function parseText(key: string, value: unknown, fallback: string): string {
  if (value === undefined || value === null) return fallback;
  return typeof value === "string" ? value : refuse(key, "a text");
}

function parseTexts(key: string, value: unknown): readonly string[] {
  if (value === undefined || value === null) return [];
  const texts = typeof value === "string" ? [value] : value;
  if (!Array.isArray(texts) || texts.some((text) => typeof text !== "string")) return refuse(key, "a list of texts");
  return texts;
}

function parseBoolean(key: string, value: unknown, fallback: boolean): boolean {
  if (value === undefined || value === null) return fallback;
  return typeof value === "boolean" ? value : refuse(key, "true or false");
}

function parseNumber(key: string, value: unknown, fallback: number): number {
  if (value === undefined || value === null) return fallback;
  return typeof value === "number" && value >= 0 ? value : refuse(key, "a number of at least 0");
}

function parseWhole(key: string, value: unknown, fallback: number): number {
  const number = parseNumber(key, value, fallback);
  return Number.isInteger(number) && number <= 1_000_000 ? number : refuse(key, "a whole number from 0 to 1000000");
}

function parseCanary(value: unknown, engine: FsEngine): number {
  const seconds = parseNumber("canary_interval_sec", value, 0);
  if (seconds > 0 && (engine === "poll" || engine === "parcel"))
    return refuse("canary_interval_sec", `0 with the engine ${engine}: only the kernel's own events are checked`);
  return seconds * 1000;
}

function parseNice(value: unknown): number {
  const nice = parseNumber("scan_nice", value, 0);
  return Number.isInteger(nice) && nice <= 19 ? nice : refuse("scan_nice", "a whole number from 0 to 19");
}

const IO_CLASS_SHIFT = 13;
const IO_BEST_EFFORT = 2;
const IO_IDLE = 3;

function parseIoPriority(value: unknown): number {
  if (value === undefined || value === null) return 0;
  if (value === "idle") return IO_IDLE << IO_CLASS_SHIFT;
  const level = typeof value === "string" ? /^best-effort:([0-7])$/.exec(value)?.[1] : undefined;
  if (level === undefined) return refuse("scan_ionice", "idle, or best-effort:0 to best-effort:7");
  return (IO_BEST_EFFORT << IO_CLASS_SHIFT) | Number(level);
}
