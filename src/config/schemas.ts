/** What each value of the agent's own keys must look like; every message reads `what is wrong; what to do`. */

import { isIP } from "node:net";
import { z } from "zod";
import { duration, flag, interval, numberOf, text, texts, wholeNumber } from "../sdk/values.ts";

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

export const uriSchema = z.object({ uri: text });

export const sourceSchema = z.object({
  max_queue_size: wholeNumber(1).default(100_000),
  max_queue_bytes: wholeNumber(1).default(DEFAULT_QUEUE_BYTES),
  driver_params: params.default({}),
});

export const senderSchema = z.object({
  batch_size: wholeNumber(1, 100_000).default(100),
  batch_bytes: wholeNumber(1).default(DEFAULT_BATCH_BYTES),
  event_rows: wholeNumber(1, 100_000).default(100),
  timeout_sec: duration.default(30),
  driver_params: params.default({}),
});

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

export const fieldRuleSchema = z.object({
  to: text,
  source: texts("is not a list of field names; write source: [name]").optional(),
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
  read_only: flag.optional(),
  max_backlog_age_sec: duration.default(60),
});

export const settingsSchema = z.object({
  agent_id: text
    .refine((id) => /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/.test(id), {
      error: "is no usable id; use at most 128 letters, digits, dots, - and _",
    })
    .optional(),
});
