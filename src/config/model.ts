/** The configuration as the agent uses it: parsed once at the edge, camelCase, every default filled in. */

import type { DriverRegistry } from "../drivers/registry.ts";
import type { Credential, FieldRule } from "../sdk/index.ts";
import type { ConfigProblem, Origin } from "../yaml/problem.ts";

/** How the section of an entry was written: `- id: x` or `x:`. */
export type EntryForm = "list" | "dict";

/** Text that was written with placeholders, so that it can be shown without what they stand for. */
export interface Written {
  /** `uri`, `driver_params.NAME`; absent for a single placeholder, wherever it stood. */
  readonly key?: string;
  readonly text: string;
  readonly value: string;
}

export interface SourceConfig {
  readonly id: string;
  readonly driver: string;
  /**
   * As the driver's check left it. Of `fs`: an absolute path without a trailing slash (`file://` is already resolved).
   */
  readonly uri: string;
  readonly credential?: Credential;
  /** Capacity of the event bus. Defaults 100,000 and 64 MiB. */
  readonly maxQueueEvents: number;
  readonly maxQueueBytes: number;
  readonly disabled: boolean;
  /** snake_case, checked by the driver and with every default filled in; of a driver that is not there as written. */
  readonly driverParams: Readonly<Record<string, unknown>>;
  /** Absent without any. */
  readonly written?: readonly Written[];
  readonly origin: Origin;
}

export interface SenderConfig {
  readonly id: string;
  readonly driver: string;
  /**
   * As the driver's check left it. Of `fusion`: an http(s) URL without a trailing slash. Of `echo`: `echo:` when none
   * is given.
   */
  readonly uri: string;
  readonly credential?: Credential;
  /** Events in one POST. Default 100. */
  readonly batchEvents: number;
  /** Bytes of one POST, about. Default 4 MiB. */
  readonly batchBytes: number;
  /** Rows in one event. Default 100. */
  readonly eventRows: number;
  readonly timeoutMs: number;
  readonly disabled: boolean;
  /** As of a source. */
  readonly driverParams: Readonly<Record<string, unknown>>;
  readonly written?: readonly Written[];
  readonly origin: Origin;
}

export interface PipeConfig {
  readonly id: string;
  readonly source: string;
  readonly sender: string;
  /**
   * As written, or the form's default: false in the list form, true in the dict form. Which pipes start: `selectPipes`.
   */
  readonly enabled: boolean;
  readonly form: EntryForm;
  /** Rows in bulk wait while live changes are later than this; 0 = they never do. */
  readonly snapshotPauseLagMs: number;
  readonly auditIntervalMs: number;
  readonly sentinelIntervalMs: number;
  /** Asked of Fusion; undefined lets Fusion decide. */
  readonly sessionTimeoutSeconds?: number;
  readonly errorRetryIntervalMs: number;
  readonly maxConsecutiveErrors: number;
  readonly backoffMultiplier: number;
  readonly maxBackoffMs: number;
  readonly fieldsMapping: readonly FieldRule[];
  /** Overrides the sender's. */
  readonly batchEvents?: number;
  readonly origin: Origin;
}

export type LogLevel = "debug" | "info" | "warn" | "error";

export interface LoggingConfig {
  readonly level: LogLevel;
  /** Folder of `fustor_agent.log`. */
  readonly dir: string;
  /** A log that would grow beyond it is renamed to `fustor_agent.log.1`. 0 = no bound. */
  readonly maxBytes: number;
  /** How many of the older logs stay. */
  readonly keepFiles: number;
  /** What a foreground agent writes to standard output: lines for people, or the log's JSON. */
  readonly stdout: "text" | "json";
}

/** The status page and the admin API beside it. */
export interface ConsoleConfig {
  readonly enabled: boolean;
  /** `localhost` = both addresses of loopback. */
  readonly host: string;
  /** Absent: 8100, or the next free one. */
  readonly port?: number;
  /** Absent: each start makes one. */
  readonly token?: string;
  /** Absent: false on loopback, true where other machines can reach the page. */
  readonly readOnly?: boolean;
  /** `/readyz` says no while a change has been waiting longer for its receiver. */
  readonly maxBacklogAgeMs: number;
}

export interface AgentConfig {
  /** `FUSTOR_HOME`, resolved. */
  readonly home: string;
  /** `FUSTOR_CONFIG_DIR` when set, else the home. */
  readonly configDir: string;
  /** The files that were read, in order. */
  readonly files: readonly string[];
  /** Takes the place of the generated id in `agent.id`. */
  readonly agentId?: string;
  readonly logging: LoggingConfig;
  readonly console: ConsoleConfig;
  readonly sources: ReadonlyMap<string, SourceConfig>;
  readonly senders: ReadonlyMap<string, SenderConfig>;
  readonly pipes: ReadonlyMap<string, PipeConfig>;
  /** Those that it was checked with: what comes with the agent, and what it names of what is installed. */
  readonly drivers: DriverRegistry;
  readonly warnings: readonly ConfigProblem[];
  /** What keeps single pipes from starting, such as certificates that are not there. */
  readonly unusable: readonly ConfigProblem[];
}
