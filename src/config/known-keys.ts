/** Every key that may stand in a configuration, and which of them change nothing here. docs/config.md lists the same. */

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
  fs_scan_workers: {},
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

export const CONSOLE_KEYS: KeyTable = { enabled: {}, host: {}, port: {} };

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

const NEVER_HELD_BACK = "files are not held back while they are hot; is_atomic_write tells complete ones";

const FS_PARAMS: KeyTable = {
  file_pattern: {},
  exclude: {},
  cross_mounts: {},
  max_scan_workers: {},
  throttle_interval_sec: {},
  engine: {},
  max_watches: {},
  poll_interval_sec: {},
  remote_poll_interval_sec: {},
  max_path_bytes: {},
  canary_interval_sec: {},
  startup_mode: {},
  scan_nice: {},
  scan_ionice: {},
  scan_entries_per_second: {},
  max_sync_delay_seconds: { noEffect: "events are handed on as they arrive, there is no poll to shorten" },
  min_monitoring_window_days: { noEffect: "every directory is watched, none is given up for its age" },
  aged_interval: { noEffect: NEVER_HELD_BACK },
  hot_data_cooloff_seconds: { noEffect: NEVER_HELD_BACK },
  hot_file_cooloff_seconds: { noEffect: NEVER_HELD_BACK },
};

const FUSION_PARAMS: KeyTable = {
  timeout: {},
  ca_file: {},
  proxy: {},
  gzip: {},
  batch_bytes: {},
  event_rows: {},
};

const ECHO_PARAMS: KeyTable = { mock_role: {}, session_timeout_seconds: {} };

/** Keys that people write in the wrong block, with the right one. */
export const MISPLACED_KEYS: ReadonlyMap<string, string> = new Map(
  ["key", "api_key", "user", "passwd", "password"].map((key) => [key, "move it below credential"]),
);

export type DriverKind = "source" | "sender";

const DRIVER_PARAMS: Readonly<Record<DriverKind, Readonly<Record<string, KeyTable>>>> = {
  source: { fs: FS_PARAMS },
  sender: { fusion: FUSION_PARAMS, http: FUSION_PARAMS, echo: ECHO_PARAMS },
};

/** The known `driver_params` of a driver of ours; undefined for anybody else's, whose parameters are free. */
export function driverParamKeys(kind: DriverKind, driver: string): KeyTable | undefined {
  const drivers = DRIVER_PARAMS[kind];
  return Object.hasOwn(drivers, driver) ? drivers[driver] : undefined;
}

export const ownDrivers = (kind: DriverKind): readonly string[] => Object.keys(DRIVER_PARAMS[kind]);
