/** The model of a configuration back in the words of its files: snake_case, seconds, every default filled in. */
import type { FieldRule } from "../sdk/index.ts";
import { toPlain } from "../yaml/tree.ts";
import type { Fields } from "./fields.ts";
import type { AgentConfig, PipeConfig } from "./model.ts";

type Facts = Readonly<Record<string, unknown>>;

const seconds = (ms: number): number => ms / 1000;

export interface EndFacts {
  readonly own: Facts;
  readonly driverParams: Facts;
}

/** With a credential of any form: what matters is that there is one. */
const secretOf = (credential: object | undefined): string | undefined => (credential === undefined ? undefined : "***");

export function sourceFacts({ sources }: AgentConfig, id: string): EndFacts {
  const source = sources.get(id);
  if (source === undefined) return { own: {}, driverParams: {} };
  const { driver, uri, credential, disabled, maxQueueEvents, maxQueueBytes, driverParams } = source;
  const own = {
    driver,
    uri,
    credential: secretOf(credential),
    enabled: !disabled,
    max_queue_size: maxQueueEvents,
    max_queue_bytes: maxQueueBytes,
  };
  return { own, driverParams };
}

export function senderFacts({ senders }: AgentConfig, id: string): EndFacts {
  const sender = senders.get(id);
  if (sender === undefined) return { own: {}, driverParams: {} };
  const { driver, uri, credential, disabled, batchEvents, batchBytes, eventRows, timeoutMs, driverParams } = sender;
  const own = {
    driver,
    uri,
    credential: secretOf(credential),
    enabled: !disabled,
    batch_size: batchEvents,
    batch_bytes: batchBytes,
    event_rows: eventRows,
    timeout_sec: seconds(timeoutMs),
  };
  return { own, driverParams };
}

const ruleFacts = ({ to, source, hardcodedValue }: FieldRule): Facts => ({
  to,
  ...(source.length === 0 ? {} : { source }),
  ...(hardcodedValue === undefined ? {} : { hardcoded_value: hardcodedValue.value }),
});

export const pipeFacts = (pipe: PipeConfig): Facts => ({
  source: pipe.source,
  sender: pipe.sender,
  enabled: pipe.enabled,
  audit_interval_sec: seconds(pipe.auditIntervalMs),
  sentinel_interval_sec: seconds(pipe.sentinelIntervalMs),
  session_timeout_seconds: pipe.sessionTimeoutSeconds,
  snapshot_pause_lag_ms: pipe.snapshotPauseLagMs,
  error_retry_interval: seconds(pipe.errorRetryIntervalMs),
  max_consecutive_errors: pipe.maxConsecutiveErrors,
  backoff_multiplier: pipe.backoffMultiplier,
  max_backoff_seconds: seconds(pipe.maxBackoffMs),
  batch_size: pipe.batchEvents,
  fields_mapping: pipe.fieldsMapping.length === 0 ? undefined : pipe.fieldsMapping.map(ruleFacts),
});

export const loggingFacts = ({ logging }: AgentConfig): Facts => ({
  level: logging.level,
  dir: logging.dir,
  max_bytes: logging.maxBytes,
  keep_files: logging.keepFiles,
  stdout: logging.stdout,
});

/** What the environment says of the port of the status page; no port: there is to be no page. */
export interface ConsolePort {
  readonly port: number | undefined;
  readonly from: string;
}

export const consoleFacts = ({ console }: AgentConfig, given?: ConsolePort): Facts => ({
  enabled: given === undefined ? console.enabled : given.port !== undefined,
  host: console.host,
  port: given === undefined ? console.port : given.port,
  token: secretOf(console.token === undefined ? undefined : {}),
  max_backlog_age_sec: seconds(console.maxBacklogAgeMs),
});

/** What stands beside the sections and is written. */
export function agentWideFacts({ agentId }: AgentConfig, settings: Fields): Facts {
  const written = [...settings].filter(([key]) => !["logging", "console", "agent_id"].includes(key));
  return { agent_id: agentId, ...Object.fromEntries(written.map(([key, { node }]) => [key, toPlain(node)])) };
}
