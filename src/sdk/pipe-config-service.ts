/**
 * Pipes that are added, changed and removed while the agent runs. What is changed here stays in a file of the agent's
 * own, `agent-config.runtime.yaml` beside the files that people write; those are read and never changed.
 */

/** Keys and values as a configuration file has them: docs/config.md. */
export type ConfigBlock = Readonly<Record<string, unknown>>;

/** A pipe as a configuration file writes it, with its source and its sender where they are its own. */
export interface PipeEntry {
  /** The id of a source of the configuration (older: `source_id`), or the block of a source that only this pipe has. */
  readonly source?: string | ConfigBlock;
  readonly source_id?: string;
  /** In place of `source`: an address whose scheme is the name of the driver, such as `custom://my-stream`. */
  readonly source_uri?: string;
  /** The id of a sender of the configuration (older: `sender_id`), or the block of a sender that only this pipe has. */
  readonly sender?: string | ConfigBlock;
  readonly sender_id?: string;
  /** Default true. */
  readonly enabled?: boolean;
  /** The other keys of a pipe, such as `audit_interval_sec`. */
  readonly [key: string]: unknown;
}

export interface ListedPipeConfig {
  readonly id: string;
  readonly source: string;
  readonly sender: string;
  readonly enabled: boolean;
  /** Where it is written. */
  readonly file: string;
  /** From 1. */
  readonly line: number;
  /** The service can change it. Others are changed in the file that has them. */
  readonly changeable: boolean;
}

/** What a change did to a pipe of the running agent. */
export interface AppliedToPipe {
  readonly pipe: string;
  readonly action: "started" | "stopped" | "restarted" | "unchanged";
  readonly reasons: readonly string[];
  /** Why it does not run although it should. */
  readonly failure?: string;
}

export type PipeConfigOutcome =
  /** The agent runs by the changed configuration. */
  | { readonly kind: "done"; readonly pipes: readonly AppliedToPipe[]; readonly notes: readonly string[] }
  /** The change is written, but the agent goes on with the configuration that it had. */
  | { readonly kind: "refused"; readonly code: string; readonly message: string }
  /** No agent runs: the change takes effect with its start. */
  | { readonly kind: "written"; readonly notes: readonly string[] };

export interface PipeConfigChange {
  readonly id: string;
  /** The file that has changed. */
  readonly file: string;
  readonly outcome: PipeConfigOutcome;
}

/**
 * Calls may be made at any time, several at once: they take turns. A change is checked together with all files of the
 * configuration before anything is written. One that is refused throws FUSTOR_CONFIG_INVALID, whose message names file,
 * line, key and cure of everything that is wrong, and changes nothing.
 */
export interface PipeConfigService {
  list(): Promise<readonly ListedPipeConfig[]>;
  add(id: string, pipe: PipeEntry): Promise<PipeConfigChange>;
  /** `changes` are merged into the entry, block by block; null takes a key out (RFC 7396). */
  update(id: string, changes: PipeEntry): Promise<PipeConfigChange>;
  enable(id: string): Promise<PipeConfigChange>;
  disable(id: string): Promise<PipeConfigChange>;
  /** With its own source and sender. */
  delete(id: string): Promise<PipeConfigChange>;
}
