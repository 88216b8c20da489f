/**
 * What the world may know about a running agent: `status --json`, the control socket and the status page show it as it
 * is.
 */
import type { PipeStatus } from "../pipe/pipe-status.ts";
import type { SourceStatus } from "../sdk/index.ts";

export type AgentState = "starting" | "running" | "draining" | "stopped";

export type ConsoleState =
  | { readonly state: "off" }
  /** `url` opens the whole page: it holds the token of this run. */
  | { readonly state: "listening"; readonly url: string; readonly note?: string }
  | { readonly state: "failed"; readonly reason: string };

/** Of this process. `limit`: how many it may have open, null where nothing tells. */
export interface DescriptorState {
  readonly exhausted: boolean;
  readonly limit: number | null;
}

export interface SourceReport {
  /** Ids of the configuration entries that share this source. */
  readonly ids: readonly string[];
  readonly driver: string;
  readonly uri: string;
  readonly status: SourceStatus;
}

export interface SenderReport {
  readonly id: string;
  readonly driver: string;
  /** As {@link publicAddress} shows it. */
  readonly uri: string;
}

export interface PipeReport extends PipeStatus {
  readonly source: string;
  readonly sender: SenderReport;
  /** File of the rows that the receiver refuses; there once there is one. */
  readonly deadLetterFile: string;
}

export interface AgentStatus {
  readonly state: AgentState;
  readonly version: string;
  readonly agentId: string;
  readonly pid: number;
  /** ISO 8601. */
  readonly startedAt: string;
  readonly uptimeMs: number;
  readonly home: string;
  readonly configDir: string;
  readonly rssBytes: number;
  readonly cpu: {
    readonly userMs: number;
    readonly systemMs: number;
    /** Of one core: since the last time somebody asked, at first since the start. */
    readonly percent: number;
  };
  readonly console: ConsoleState;
  readonly descriptors: DescriptorState;
  readonly pipes: readonly PipeReport[];
  readonly sources: readonly SourceReport[];
}
