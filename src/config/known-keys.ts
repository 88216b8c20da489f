/**
 * Every key that may stand in a configuration, and which of them change nothing here. docs/config.md lists the same.
 * The keys of `driver_params` are the drivers' own (driver-keys.ts).
 */

import type { KeyTable } from "./fields.ts";

const RETRIES = "the pipe retries for as long as it takes; error_retry_interval and max_backoff_seconds set the pace";

export const TOP_LEVEL_KEYS: KeyTable = {
  sources: {},
  senders: {},
  pushers: { means: "senders", older: true },
  pipes: {},
  syncs: { means: "pipes", older: true },
  logging: {},
  console: {},
  agent_id: {},
};

export const LOGGING_KEYS: KeyTable = {
  level: {},
  dir: {},
  max_bytes: {},
  keep_files: {},
  stdout: {},
  format: { noEffect: "the log is JSON, one object a line; stdout: json has the foreground write the same" },
};

export const CONSOLE_KEYS: KeyTable = {
  enabled: {},
  host: {},
  port: {},
  token: {},
  read_only: {},
  max_backlog_age_sec: {},
};

/** What sources and senders have in common. */
const ENDPOINT_KEYS: KeyTable = {
  id: {},
  driver: {},
  type: { means: "driver" },
  driver_type: { means: "driver", older: true },
  uri: {},
  endpoint: { means: "uri" },
  credential: {},
  enabled: {},
  disabled: {},
  driver_params: {},
  max_retries: { noEffect: RETRIES },
  retry_delay_sec: { noEffect: RETRIES },
  validation_error: { noEffect: "every entry is checked when it is read; remove it" },
};

export const SOURCE_KEYS: KeyTable = {
  ...ENDPOINT_KEYS,
  max_queue_size: {},
  max_queue_bytes: {},
  is_transient: { noEffect: "the driver knows whether its data can be read again; remove it" },
};

export const SENDER_KEYS: KeyTable = {
  ...ENDPOINT_KEYS,
  batch_size: {},
  batch_bytes: {},
  event_rows: {},
  timeout_sec: {},
};

export const PIPE_KEYS: KeyTable = {
  id: {},
  source: {},
  source_id: { means: "source" },
  sender: {},
  sender_id: { means: "sender" },
  pusher: { means: "sender", older: true },
  pusher_id: { means: "sender", older: true },
  enabled: {},
  disabled: {},
  audit_interval_sec: {},
  snapshot_pause_lag_ms: {},
  sentinel_interval_sec: {},
  session_timeout_seconds: {},
  error_retry_interval: {},
  max_consecutive_errors: {},
  backoff_multiplier: {},
  max_backoff_seconds: {},
  batch_size: {},
  fields_mapping: {},
};

export const FIELD_RULE_KEYS: KeyTable = { to: {}, source: {}, required: {}, hardcoded_value: {} };

/** Keys that people write in the wrong block, with the right one. */
export const MISPLACED_KEYS: ReadonlyMap<string, string> = new Map(
  ["key", "api_key", "user", "passwd", "password"].map((key) => [key, "move it below credential"]),
);
