/** `driver_params` of the fs source, checked; names and defaults are listed in docs/config.md. */
import { isAbsolute, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { FustorError } from "../../sdk/index.ts";

export interface FsSourceOptions {
  /** Absolute path of the tree. */
  readonly root: string;
  readonly filePattern: string;
  readonly exclude: readonly string[];
  /** Absolute paths that are left out exactly: the agent's own files. */
  readonly excludePaths: readonly string[];
  readonly crossMounts: boolean;
  /** 0 = number of cores. */
  readonly scanThreads: number;
  /** Shortest time between two rows of a file that is being written. */
  readonly throttleMs: number;
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

export function parseFsOptions({ uri, driverParams, excludePaths }: FsSourceSettings): FsSourceOptions {
  const { file_pattern, exclude, cross_mounts, max_scan_workers, throttle_interval_sec } = driverParams;
  return {
    root: parseRoot(uri),
    filePattern: parseText("file_pattern", file_pattern, "*"),
    exclude: parseTexts("exclude", exclude),
    excludePaths,
    crossMounts: parseBoolean("cross_mounts", cross_mounts, true),
    scanThreads: parseNumber("max_scan_workers", max_scan_workers, 0),
    throttleMs: parseNumber("throttle_interval_sec", throttle_interval_sec, 1) * 1000,
  };
}

function parseRoot(uri: string): string {
  const path = uri.startsWith("file:") ? fileURLToPath(uri) : uri;
  if (!isAbsolute(path)) {
    throw new FustorError("FUSTOR_CONFIG_INVALID", `the uri of an fs source must be an absolute path, not ${uri}`);
  }
  const clean = normalize(path);
  return clean.length > 1 && clean.endsWith("/") ? clean.slice(0, -1) : clean;
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
