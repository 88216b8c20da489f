/**
 * The composition root: configuration in, running pipes out. Nothing else in the project knows all the rooms.
 *
 * An Agent is an object of this process; that there is one per home, the control socket and the signals are the business of
 * whoever makes it (cli/run-agent.ts).
 */
import { BusPool } from "../bus/bus-pool.ts";
import type { AgentConfig, PipeConfig } from "../config/model.ts";
import type { Ambience } from "../pipe/pipe-options.ts";
import { systemAmbience } from "../pipe/system-ambience.ts";
import type { Logger } from "../sdk/index.ts";
import { loadAgentId } from "./agent-id.ts";
import type { AgentState, AgentStatus, ConsoleState } from "./agent-status.ts";
import { readHostId } from "./host-id.ts";
import { PipeSlot, sourceReports } from "./pipe-slot.ts";
import { cpuMeter } from "./process-load.ts";
import { StateStore } from "./state-store.ts";
import { agentVersion } from "./version.ts";

export interface AgentOptions {
  readonly config: AgentConfig;
  /** The pipes to run, mostly from `selectPipes`. */
  readonly pipes: readonly PipeConfig[];
  readonly logger: Logger;
  /** Told in the status; the page itself is not ours. Default: off. */
  readonly consoleState?: () => ConsoleState;
  readonly ambience?: Ambience;
}

export interface FailedPipe {
  readonly pipe: string;
  readonly reason: string;
}

export interface StartReport {
  readonly started: readonly string[];
  readonly failed: readonly FailedPipe[];
}

export class Agent {
  readonly #options: AgentOptions;
  readonly #agentId: string;
  readonly #slots: readonly PipeSlot[];
  readonly #ambience: Ambience;
  readonly #startedAt: number;
  readonly #startedOn: Date;
  readonly #cpu: ReturnType<typeof cpuMeter>;
  #state: AgentState = "stopped";
  #starting: Promise<unknown> = Promise.resolve();
  #stopping: Promise<void> | undefined;

  /** For {@link createAgent} only. */
  constructor(options: AgentOptions, agentId: string, state: StateStore) {
    const { config, logger } = options;
    this.#options = options;
    this.#agentId = agentId;
    this.#ambience = options.ambience ?? systemAmbience;
    this.#startedAt = this.#ambience.now();
    this.#startedOn = new Date(this.#ambience.wallClock());
    this.#cpu = cpuMeter(this.#ambience.now);
    const pool = new BusPool(this.#ambience, logger);
    const context = { config, agentId, pool, state, logger, ambience: this.#ambience };
    this.#slots = options.pipes.map((pipe) => new PipeSlot(pipe, context));
  }

  /** Resolves when every pipe runs its loop or failed; a pipe that fails never stops the others. Once per agent. */
  async start(): Promise<StartReport> {
    this.#state = "starting";
    this.#starting = Promise.all(this.#slots.map((slot) => slot.start()));
    await this.#starting;
    if (this.#state === "starting") this.#state = "running";
    const failed = this.#slots.flatMap(({ id, failure }) =>
      failure === undefined ? [] : [{ pipe: id, reason: failure }],
    );
    const started = this.#slots.filter(({ failure }) => failure === undefined).map(({ id }) => id);
    return { started, failed };
  }

  /** Drains every pipe at once, each for so long at most, ends the sessions and closes the sources. Idempotent. */
  stop(deadlineMs: number): Promise<void> {
    this.#stopping ??= this.#stop(deadlineMs);
    return this.#stopping;
  }

  async #stop(deadlineMs: number): Promise<void> {
    this.#state = "draining";
    await this.#starting;
    await Promise.all(this.#slots.map((slot) => slot.stop(deadlineMs)));
    this.#state = "stopped";
  }

  status(): AgentStatus {
    const { config, consoleState } = this.#options;
    return {
      state: this.#state,
      version: agentVersion,
      agentId: this.#agentId,
      pid: process.pid,
      startedAt: this.#startedOn.toISOString(),
      uptimeMs: Math.round(this.#ambience.now() - this.#startedAt),
      home: config.home,
      configDir: config.configDir,
      rssBytes: process.memoryUsage.rss(),
      cpu: this.#cpu(),
      console: consoleState?.() ?? { state: "off" },
      pipes: this.#slots.map((slot) => slot.report()),
      sources: sourceReports(this.#slots),
    };
  }
}

/** Reads the agent's id and state from the home, which must exist. The agent is made, not started. */
export async function createAgent(options: AgentOptions): Promise<Agent> {
  const { config, logger } = options;
  const agentId = config.agentId ?? (await loadAgentId(config.home));
  const state = await StateStore.open(config.home, await readHostId(), logger);
  return new Agent(options, agentId, state);
}
