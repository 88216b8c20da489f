/**
 * The composition root: configuration in, running pipes out. Nothing else in the project knows all the rooms.
 *
 * An Agent is an object of this process; that there is one per home, the control socket and the signals are the
 * business of whoever makes it (cli/run-agent.ts).
 */
import { endsWithin } from "../bus/bus-clock.ts";
import { BusPool } from "../bus/bus-pool.ts";
import type { AgentConfig } from "../config/model.ts";
import type { Ambience } from "../pipe/pipe-options.ts";
import { systemAmbience } from "../pipe/system-ambience.ts";
import { FustorError, omitUndefined, type SweepCommand } from "../sdk/index.ts";
import type { StateStore } from "../sdk/state-store.ts";
import { agentVersion } from "../sdk/version.ts";
import type { SnapshotCommand, SnapshotRefusal } from "./agent-observer.ts";
import type { AgentOptions } from "./agent-options.ts";
import type { AgentState, AgentStatus } from "./agent-status.ts";
import { DescriptorBudget } from "./descriptor-budget.ts";
import { loadIdentity } from "./identity/agent-identity.ts";
import { ownerOf } from "./identity/session-owner.ts";
import { LAST_STEPS_MS, ManagedPipe } from "./managed-pipe.ts";
import { cpuMeter, residentMeter } from "./process/process-load.ts";
import { type AgentPlan, type PipeTarget, planReload, resolveTarget, startOnlyChanges } from "./reload/reload-plan.ts";
import { type ReloadFacts, type ReloadReport, reloadedPipes } from "./reload/reload-report.ts";
import { planTakingCredentials } from "./reload/take-credentials.ts";
import type { ManagedPipeContext } from "./running-pipe.ts";
import { sourceReports } from "./source-reports.ts";
import type { StartReport } from "./start-report.ts";
import { openStore } from "./state/guarded-store.ts";

export class Agent {
  readonly #options: AgentOptions;
  readonly #agentId: string;
  readonly #pool: BusPool;
  readonly #context: ManagedPipeContext;
  readonly #ambience: Ambience;
  readonly #startedAt: number;
  readonly #startedOn: Date;
  readonly #cpu: ReturnType<typeof cpuMeter>;
  readonly #resident = residentMeter();
  #pipes: readonly ManagedPipe[];
  #state: AgentState = "stopped";
  /** Start and reloads, one after the other. */
  #changing: Promise<unknown> = Promise.resolve();
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
    this.#pool = new BusPool(this.#ambience, logger, options.createEventBus);
    const descriptors = new DescriptorBudget();
    const pool = this.#pool;
    const shared = { config, agentId, pool, state, logger, ambience: this.#ambience, descriptors };
    this.#context = { ...shared, ...omitUndefined({ observer: options.observer }) };
    this.#pipes = options.pipes.map((pipe) => new ManagedPipe(resolveTarget(pipe, config), this.#context));
  }

  /** Resolves when every pipe runs its loop or failed; a pipe that fails never stops the others. Once per agent. */
  async start(): Promise<StartReport> {
    this.#state = "starting";
    this.#changing = Promise.all(this.#pipes.map((pipe) => pipe.start()));
    await this.#changing;
    if (this.#state === "starting") this.#state = "running";
    const failed = this.#pipes.flatMap(({ id, failure }) =>
      failure === undefined ? [] : [{ pipe: id, reason: failure }],
    );
    const started = this.#pipes.filter(({ failure }) => failure === undefined).map(({ id }) => id);
    return { started, failed };
  }

  /**
   * Makes the running pipes those of a new plan. Pipes whose resolved settings are the same keep everything: session,
   * watch, position. What goes or changes is stopped first (each drained for so long at most), then the rest is
   * started: no task ever has two sessions. Settings of the process as a whole stay as they are; the report says so.
   */
  reload(plan: AgentPlan, drainMs: number): Promise<ReloadReport> {
    return this.#oneByOne(() => this.#reload(plan, drainMs));
  }

  /** Changes that are asked for at once take turns: each has to see the pipes that the one before left. */
  #oneByOne<T>(change: () => Promise<T>): Promise<T> {
    const turn = this.#changing.then(() => {
      if (this.#stopping !== undefined) throw new FustorError("FUSTOR_ABORTED", "the agent is stopping");
      return change();
    });
    this.#changing = turn.catch(() => undefined);
    return turn;
  }

  /** Starts one pipe beside those that run. Why it failed, `running` if it ran already, undefined if it runs now. */
  startPipe(target: PipeTarget): Promise<{ readonly failure: string } | "running" | undefined> {
    return this.#oneByOne(() => this.#startPipe(target));
  }

  async #startPipe(target: PipeTarget): Promise<{ readonly failure: string } | "running" | undefined> {
    const before = this.#pipes.find(({ id }) => id === target.pipe.id);
    if (before?.isActive === true) return "running";
    // One that is being stopped must be over: no task ever has two sessions.
    await before?.stop(0);
    const pipe = new ManagedPipe(target, this.#context);
    this.#pipes = [...this.#pipes.filter((each) => each !== before), pipe];
    await pipe.start();
    return pipe.failure === undefined ? undefined : { failure: pipe.failure };
  }

  /** Stops one pipe; the others go on. It starts again with the next reload. False when there is no such pipe. */
  async stopPipe(id: string, drainMs: number): Promise<boolean> {
    const pipe = this.#pipes.find((each) => each.id === id);
    await pipe?.stop(drainMs);
    return pipe !== undefined;
  }

  /** Has a source take what stands at its root for the right thing. Undefined when no source of that id is open. */
  confirmSource(id: string): boolean | undefined {
    return this.#pipes.find(({ target, isActive }) => target.source.id === id && isActive)?.confirmSource();
  }

  /** Begins, pauses, resumes or cancels a sweep of a pipe's source. Undefined when no such pipe runs. */
  sweepSource(id: string, command: SweepCommand): boolean | undefined {
    return this.#active(id)?.sweepSource(command);
  }

  /** Has a leader send everything anew. Undefined when no such pipe runs, else why not, or `begun`. */
  snapshotNow(id: string): SnapshotRefusal | "begun" | undefined {
    const pipe = this.#active(id);
    return pipe === undefined ? undefined : (pipe.snapshotNow() ?? "begun");
  }

  /** Pauses, resumes or cancels the snapshot that runs. Undefined when no such pipe runs, false when none does. */
  commandSnapshot(id: string, command: SnapshotCommand): boolean | undefined {
    return this.#active(id)?.commandSnapshot(command);
  }

  /** Has a leader ask for suspects now. Undefined when no such pipe runs, false when it cannot. */
  sentinelNow(id: string): boolean | undefined {
    return this.#active(id)?.sentinelNow();
  }

  /** Has a pipe tell directories again. Undefined when no such pipe runs, false when it has no session. */
  resend(id: string, directories: readonly string[]): boolean | undefined {
    return this.#active(id)?.resend(directories);
  }

  #active = (id: string): ManagedPipe | undefined => this.#pipes.find((pipe) => pipe.id === id && pipe.isActive);

  /**
   * Drains every pipe at once, each for so long at most, ends the sessions and closes the sources. Over within
   * {@link LAST_STEPS_MS} after the deadline, whatever does not answer. Idempotent, never rejects.
   */
  stop(deadlineMs: number): Promise<void> {
    this.#stopping ??= this.#boundedStop(deadlineMs);
    return this.#stopping;
  }

  async #boundedStop(deadlineMs: number): Promise<void> {
    const boundMs = deadlineMs + LAST_STEPS_MS;
    if (await endsWithin(this.#ambience, boundMs, this.#stop(deadlineMs))) return;
    this.#options.logger.error({}, `a start or reload did not end within ${boundMs / 1000} s of stopping`);
    this.#state = "stopped";
  }

  async #stop(deadlineMs: number): Promise<void> {
    this.#state = "draining";
    // A reload may be half way: it starts nothing any more, and what it made until then is stopped afterwards.
    await Promise.all(this.#pipes.map((pipe) => pipe.freezeSource()));
    await Promise.all(this.#pipes.map((pipe) => pipe.stop(deadlineMs)));
    await this.#changing;
    await Promise.all(this.#pipes.map((pipe) => pipe.stop(deadlineMs)));
    this.#state = "stopped";
  }

  async #reload({ config, pipes, notStarted = [] }: AgentPlan, drainMs: number): Promise<ReloadReport> {
    const targets = pipes.map((pipe) => resolveTarget(pipe, config));
    const active = this.#pipes.filter((pipe) => pipe.isActive);
    const plan = await planTakingCredentials(active, targets);
    const goingOn = new Map(active.filter(({ id }) => plan.unchanged.includes(id)).map((pipe) => [pipe.id, pipe]));
    // Those among them that are being stopped already are waited for: their successors must not run beside them.
    const leaving = this.#pipes.filter(({ id }) => !goingOn.has(id));
    const before = new Map(this.#pipes.map((pipe) => [pipe.id, pipe]));
    const managed = targets.map((target) => goingOn.get(target.pipe.id) ?? new ManagedPipe(target, this.#context));
    // A source that goes on with another pipe is neither closed nor looked through again.
    const holds = managed.map(({ signature }) => this.#pool.hold(signature));
    await Promise.all(leaving.map((pipe) => pipe.stop(drainMs)));
    this.#pipes = managed;
    for (const pipe of goingOn.values()) pipe.wake();
    if (this.#stopping === undefined) {
      await Promise.all(managed.filter(({ id }) => !goingOn.has(id)).map((pipe) => pipe.start()));
    }
    await Promise.all(holds.map((release) => release()));
    const failure = (id: string): string | undefined => this.#pipes.find((pipe) => pipe.id === id)?.failure;
    return this.#report({ plan, wanted: pipes.map(({ id }) => id), notStarted, before, failure }, config);
  }

  /** What a reload with this plan would do now; it changes nothing. */
  preview({ config, pipes, notStarted = [] }: AgentPlan): ReloadReport {
    const active = this.#pipes.filter(({ isActive }) => isActive).map(({ target }) => target);
    const targets = pipes.map((pipe) => resolveTarget(pipe, config));
    const [plan, wanted] = [planReload(active, targets), pipes.map(({ id }) => id)];
    const before = new Map(this.#pipes.map((pipe) => [pipe.id, pipe]));
    return this.#report({ plan, wanted, notStarted, before, failure: () => undefined }, config);
  }

  #report(facts: ReloadFacts, config: AgentConfig): ReloadReport {
    return { pipes: reloadedPipes(facts), notes: startOnlyChanges(this.#options.config, config) };
  }

  status(): AgentStatus {
    const { config, consoleState, descriptors } = this.#options;
    return {
      state: this.#state,
      version: agentVersion,
      agentId: this.#agentId,
      pid: process.pid,
      startedAt: this.#startedOn.toISOString(),
      uptimeMs: Math.round(this.#ambience.now() - this.#startedAt),
      home: config.home,
      configDir: config.configDir,
      rssBytes: this.#resident(),
      cpu: this.#cpu(),
      console: consoleState?.() ?? { state: "off" },
      descriptors: descriptors?.() ?? { exhausted: false, limit: null },
      pipes: this.#pipes.map((pipe) => pipe.report()),
      sources: sourceReports(this.#pipes),
    };
  }
}

/** Reads the agent's id and state from the home, which must exist. The agent is made, not started. */
export async function createAgent(options: AgentOptions): Promise<Agent> {
  const { config, logger } = options;
  const { home, agentId: configuredId } = config;
  const { agentId, hostId, isSameHardware } = await loadIdentity({ home, configuredId, logger });
  const owner = await ownerOf(home, isSameHardware);
  const state = await openStore({ home, hostId, owner, logger }, options.openStateStore);
  return new Agent(options, agentId, state);
}
