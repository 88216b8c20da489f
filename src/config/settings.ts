/**
 * What stands beside the sections: `logging`, `console`, `agent_id` and the keys of drivers. They hold for the whole
 * agent.
 */

import { resolve } from "node:path";
import { z } from "zod";
import { nearest } from "../sdk/did-you-mean.ts";
import { omitUndefined } from "../sdk/index.ts";
import { formatOrigin, type Problems, quoted } from "../yaml/problem.ts";
import { isNull, toPlain } from "../yaml/tree.ts";
import { checkFields } from "./check.ts";
import { readToken } from "./credential.ts";
import { type Field, type Fields, readFields } from "./fields.ts";
import { CONSOLE_KEYS, LOGGING_KEYS } from "./known-keys.ts";
import type { ConsoleConfig, LoggingConfig, LogLevel } from "./model.ts";
import { consoleSchema, loggingSchema, settingsSchema } from "./schemas.ts";
import type { SecretReader } from "./secrets.ts";

export interface Settings {
  readonly logging: LoggingConfig;
  readonly console: ConsoleConfig;
  /** Keys that stand in for parameters of drivers, those alone that are written. */
  readonly agentWide: Readonly<Record<string, unknown>>;
  readonly agentId?: string;
}

const LOGGING_DEFAULTS = { level: "info", maxBytes: 64 * 1024 * 1024, keepFiles: 4, stdout: "text" } as const;

const SETTINGS = ["logging", "console", "agent_id"];

/** Keeps the settings of one file; another file may repeat one, but not contradict it. */
export function gatherSettings(
  file: Fields,
  agentWide: readonly string[],
  gathered: Map<string, Field>,
  problems: Problems,
): void {
  for (const name of [...SETTINGS, ...agentWide]) {
    const field = file.get(name);
    if (field === undefined || isNull(field.node)) continue;
    const first = gathered.get(name);
    if (first === undefined) gathered.set(name, field);
    else if (JSON.stringify(toPlain(first.node)) !== JSON.stringify(toPlain(field.node))) {
      problems.error(field, `differs from the one at ${formatOrigin(first.origin)}`, "keep one of them");
    }
  }
}

export interface LogPlaces {
  /** What a relative folder is relative to. */
  readonly configDir: string;
  /** Where logs go unless told otherwise. Default: `configDir`. */
  readonly logDir?: string;
}

/** The settings with defaults filled in; what is wrong is recorded. */
export function readSettings(
  gathered: Fields,
  agentWideSchemas: Readonly<Record<string, z.ZodType>>,
  { secrets, ...places }: LogPlaces & { readonly secrets: SecretReader },
  problems: Problems,
): Settings {
  const written = Object.entries(agentWideSchemas).filter(([name]) => gathered.has(name));
  return omitUndefined({
    logging: readLogging(gathered.get("logging"), places, problems),
    console: readConsole(gathered.get("console"), secrets, problems),
    agentId: readPlain(settingsSchema, gathered, problems).agent_id,
    agentWide: readPlain(z.object(Object.fromEntries(written)), gathered, problems),
  });
}

/** The keys of a schema, as far as they are written and right. */
function readPlain<S extends z.ZodObject>(schema: S, gathered: Fields, problems: Problems): Partial<z.output<S>> {
  const own = new Map([...gathered].filter(([name]) => Object.hasOwn(schema.shape, name)));
  const [anyField] = own.values();
  return anyField === undefined ? {} : (checkFields(schema, own, anyField, problems) ?? {});
}

function readLogging(field: Field | undefined, places: LogPlaces, problems: Problems): LoggingConfig {
  const { configDir, logDir = configDir } = places;
  const defaults: LoggingConfig = { ...LOGGING_DEFAULTS, dir: logDir };
  if (field === undefined) return defaults;
  if (field.node.kind !== "map") {
    return { ...defaults, level: readLevel({ ...field, path: field.path }, problems) };
  }
  const fields = readFields(field.node, field.path, LOGGING_KEYS, problems);
  const level = fields.get("level");
  const values = checkFields(loggingSchema, fields, field, problems);
  return {
    level: level === undefined ? defaults.level : readLevel(level, problems),
    maxBytes: values?.max_bytes ?? defaults.maxBytes,
    keepFiles: values?.keep_files ?? defaults.keepFiles,
    stdout: values?.stdout ?? defaults.stdout,
    dir: values?.dir === undefined ? logDir : readDir(values.dir, fields.get("dir") ?? field, configDir, problems),
  };
}

/** With fewer characters a program that tries them all could find it. */
const SHORTEST_TOKEN = 16;

function readConsole(field: Field | undefined, secrets: SecretReader, problems: Problems): ConsoleConfig {
  const defaults: ConsoleConfig = { enabled: true, host: "localhost", maxBacklogAgeMs: 60_000 };
  if (field === undefined) return defaults;
  if (field.node.kind !== "map") {
    problems.error(field, "is not a block of keys", "write enabled, host or port below it, indented");
    return defaults;
  }
  const fields = readFields(field.node, field.path, CONSOLE_KEYS, problems);
  const values = checkFields(consoleSchema, fields, field, problems);
  const token = fields.get("token");
  return omitUndefined({
    enabled: values?.enabled ?? defaults.enabled,
    host: values?.host ?? defaults.host,
    port: values?.port,
    readOnly: values?.read_only,
    token: token && readToken(token, SHORTEST_TOKEN, secrets, problems),
    maxBacklogAgeMs: values === undefined ? defaults.maxBacklogAgeMs : values.max_backlog_age_sec * 1000,
  });
}

function readDir(dir: string, field: Field, configDir: string, problems: Problems): string {
  if (dir.startsWith("~")) problems.error(field, "begins with ~, which is not replaced here", "write the whole path");
  else if (dir.includes("\0")) problems.error(field, "holds a NUL character", "remove it");
  return resolve(configDir, dir);
}

/** Python's names beside ours. */
const LEVELS: Readonly<Record<string, LogLevel>> = {
  debug: "debug",
  info: "info",
  warning: "warn",
  warn: "warn",
  error: "error",
  critical: "error",
};

function readLevel(field: Field, problems: Problems): LogLevel {
  if (isNull(field.node)) return "info";
  const word = field.node.kind === "scalar" ? String(field.node.value).toLowerCase() : "";
  const level = Object.hasOwn(LEVELS, word) ? LEVELS[word] : undefined;
  if (level !== undefined) return level;
  const similar = nearest(word, Object.keys(LEVELS));
  const cure = similar === undefined ? "write debug, info, warn or error" : `did you mean ${quoted(similar)}?`;
  problems.error(field, "is no log level", cure);
  return "info";
}
