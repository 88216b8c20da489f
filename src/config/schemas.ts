/**
 * What each value must look like.
 *
 * Every message reads `what is wrong; what to do`. Values are taken as Python's YAML and its models take them: `yes` and `on`
 * are booleans, a quoted number is a number, so that one file serves both agents.
 */

import { isIP } from "node:net";
import { z } from "zod";

/** Timers hold no longer delays than 2^31 ms. */
export const MAX_SECONDS = 2_000_000;

const YES = new Set(["true", "yes", "on"]);
const NO = new Set(["false", "no", "off"]);

const switchOf = (value: unknown): unknown => {
  if (typeof value !== "string") return value;
  const word = value.toLowerCase();
  if (YES.has(word)) return true;
  return NO.has(word) ? false : value;
};

const numberOf = (value: unknown): unknown =>
  typeof value === "string" && /^[+-]?\d+(\.\d+)?$/.test(value.trim()) ? Number(value) : value;

export const flag = z.preprocess(switchOf, z.boolean({ error: "is neither true nor false; write true or false" }));

export const text = z
  .string({ error: "is not text; put the value in quotes" })
  .refine((value) => value.trim() !== "", { error: "is empty; give it a value" });

export function wholeNumber(from: number, to: number = Number.MAX_SAFE_INTEGER): z.ZodType<number> {
  const error = `is not a whole number; write one ${range(from, to)}`;
  return z.preprocess(numberOf, z.int({ error }).min(from, { error }).max(to, { error })) as z.ZodType<number>;
}

function range(from: number, to: number): string {
  return to === Number.MAX_SAFE_INTEGER ? `of at least ${from}` : `from ${from} to ${to}`;
}

/** Seconds, whole or with a fraction; 0 means off. */
export const interval: z.ZodType<number> = seconds(0, "write seconds, 0 turns it off");

/** Seconds above 0. */
export const duration: z.ZodType<number> = seconds(Number.MIN_VALUE, `write seconds above 0`);

function seconds(from: number, cure: string): z.ZodType<number> {
  const error = `is not a number of seconds that fits; ${cure} (at most ${MAX_SECONDS})`;
  return z.preprocess(
    numberOf,
    z.number({ error }).min(from, { error }).max(MAX_SECONDS, { error }),
  ) as z.ZodType<number>;
}

const multiplier = z.preprocess(
  numberOf,
  z.number({ error: "is not a number; write one of at least 1" }).min(1, { error: "is below 1; write at least 1" }),
) as z.ZodType<number>;

const isBlock = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const params = z.custom<Readonly<Record<string, unknown>>>(isBlock, {
  error: "is not a block of keys; write the keys below it, indented",
});

const DEFAULT_QUEUE_BYTES = 64 * 1024 * 1024;
const DEFAULT_BATCH_BYTES = 4 * 1024 * 1024;

export const sourceSchema = z.object({
  uri: text,
  max_queue_size: wholeNumber(1).default(100_000),
  max_queue_bytes: wholeNumber(1).default(DEFAULT_QUEUE_BYTES),
  driver_params: params.default({}),
});

export const senderSchema = z.object({
  batch_size: wholeNumber(1, 100_000).default(100),
  batch_bytes: wholeNumber(1).optional(),
  event_rows: wholeNumber(1, 100_000).optional(),
  timeout_sec: duration.optional(),
  driver_params: params.default({}),
});

export const SENDER_DEFAULTS = { batchBytes: DEFAULT_BATCH_BYTES, eventRows: 100, timeoutSeconds: 30 };

export const pipeSchema = z.object({
  source: text,
  sender: text,
  audit_interval_sec: interval.default(600),
  sentinel_interval_sec: interval.default(120),
  session_timeout_seconds: duration.optional(),
  snapshot_pause_lag_ms: wholeNumber(0, 3_600_000).default(500),
  error_retry_interval: duration.default(5),
  max_consecutive_errors: wholeNumber(1).default(5),
  backoff_multiplier: multiplier.default(2),
  max_backoff_seconds: duration.default(60),
  batch_size: wholeNumber(1, 100_000).optional(),
});

export const enabledSchema = z.object({ enabled: flag.optional(), disabled: flag.optional() });

/** `exclude: "*.tmp"` is a list of one. */
const patterns = z.preprocess(
  (value) => (typeof value === "string" ? [value] : value),
  z.array(text, { error: "is not a list of patterns; write one pattern per line after a dash" }),
);

/** The same as src/sources/fs/fs-config.ts reads. */
const IO_PRIORITY = /^(idle|best-effort:[0-7])$/;

export const fsParamsSchema = z.object({
  file_pattern: text.optional(),
  exclude: patterns.optional(),
  max_scan_workers: wholeNumber(0, 256).optional(),
  throttle_interval_sec: interval.optional(),
  startup_mode: z.enum(["full", "message-only"], { error: "is not a mode; write full or message-only" }).optional(),
  engine: z
    .enum(["auto", "fanotify", "inotify", "parcel", "poll"], {
      error: "is not an engine; use auto, fanotify, inotify, parcel or poll",
    })
    .optional(),
  poll_interval_sec: interval.optional(),
  remote_poll_interval_sec: interval.optional(),
  max_path_bytes: wholeNumber(0, 1_000_000).optional(),
  canary_interval_sec: interval.optional(),
  cross_mounts: flag.optional(),
  max_watches: wholeNumber(1).optional(),
  scan_nice: wholeNumber(0, 19).optional(),
  scan_ionice: text
    .regex(IO_PRIORITY, { error: "is no io priority; write idle or best-effort:0 (first) to best-effort:7 (last)" })
    .optional(),
  scan_entries_per_second: wholeNumber(0).optional(),
});

/** `gzip: false` means what it says. */
const gzipOf = (value: unknown): unknown => {
  const on = switchOf(value);
  if (typeof on !== "boolean") return value;
  return on ? "auto" : "never";
};

export const fusionParamsSchema = z.object({
  timeout: duration.optional(),
  ca_file: text
    .refine((path) => path.startsWith("/"), { error: "is not an absolute path; begin it with /" })
    .optional(),
  proxy: text.optional(),
  gzip: z
    .preprocess(gzipOf, z.enum(["auto", "never"], { error: "is neither auto nor never; write auto or never" }))
    .optional(),
  batch_bytes: wholeNumber(1).optional(),
  event_rows: wholeNumber(1, 100_000).optional(),
});

export const echoParamsSchema = z.object({
  mock_role: z.enum(["leader", "follower"], { error: "is no role; write leader or follower" }).optional(),
  session_timeout_seconds: duration.optional(),
});

export const fieldRuleSchema = z.object({
  to: text,
  source: z
    .preprocess(
      (value) => (typeof value === "string" ? [value] : value),
      z.array(text, { error: "is not a list of field names; write source: [name]" }),
    )
    .optional(),
  required: flag.optional(),
});

export const loggingSchema = z.object({
  dir: text.optional(),
  max_bytes: wholeNumber(0, Number.MAX_SAFE_INTEGER).optional(),
  keep_files: wholeNumber(0, 1000).optional(),
  stdout: z.enum(["text", "json"], { error: "is no form of lines; write text or json" }).optional(),
});

/** Whoever wants no page says so with `enabled`. */
export const consoleSchema = z.object({
  enabled: flag.optional(),
  host: text
    .refine((host) => host === "localhost" || isIP(host) !== 0, {
      error: "is no address of this machine; write localhost or an IP address",
    })
    .optional(),
  port: wholeNumber(1, 65_535).optional(),
});

export const settingsSchema = z.object({
  fs_scan_workers: wholeNumber(0, 256).optional(),
  agent_id: text
    .refine((id) => /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/.test(id), {
      error: "is no usable id; use at most 128 letters, digits, dots, - and _",
    })
    .optional(),
});
