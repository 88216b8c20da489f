/** What an agent is made of. */
import type { AgentConfig, PipeConfig } from "../config/model.ts";
import type { Ambience } from "../pipe/pipe-options.ts";
import type { CreateEventBus, Logger, OpenStateStore } from "../sdk/index.ts";
import type { AgentObserver } from "./agent-observer.ts";
import type { ConsoleState, DescriptorState } from "./agent-status.ts";

export interface AgentOptions {
  readonly config: AgentConfig;
  /** The pipes to run, mostly from `selectPipes`. */
  readonly pipes: readonly PipeConfig[];
  readonly logger: Logger;
  /** Told in the status; the page itself is not ours. Default: off. */
  readonly consoleState?: () => ConsoleState;
  /** Told in the status. Default: all is well. */
  readonly descriptors?: () => DescriptorState;
  readonly ambience?: Ambience;
  readonly observer?: AgentObserver;
  /** In place of the agent's own buses, one for each source. */
  readonly createEventBus?: CreateEventBus;
  /** In place of the files below `state/` of the home. */
  readonly openStateStore?: OpenStateStore;
}
