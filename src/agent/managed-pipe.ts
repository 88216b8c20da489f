/** One pipe of the configuration with everything it holds: its share of the source, its sender, and itself. */
import { join } from "node:path";
import { endsWithin } from "../bus/bus-clock.ts";
import type { BusLease, BusPool } from "../bus/bus-pool.ts";
import { homePaths } from "../config/home.ts";
import type { AgentConfig, PipeConfig, SenderConfig } from "../config/model.ts";
import { loadAddon } from "../native/load.ts";
import { Pipe } from "../pipe/pipe.ts";
import type { Ambience, PipeSettings, PoisonRow } from "../pipe/pipe-options.ts";
import { idleStatus, type PipeStatus } from "../pipe/pipe-status.ts";
import type { CompileMapping } from "../pipe/row-program.ts";
import {
  describeError,
  type Logger,
  omitUndefined,
  publicAddress,
  type SenderDriver,
  type SenderDriverContext,
  type SourceStatus,
  type SweepCommand,
} from "../sdk/index.ts";
import type { PipeReport } from "./agent-status.ts";
import type { DescriptorBudget } from "./descriptor-budget.ts";
import { excludedPaths } from "./own-files.ts";
import type { PipeTarget } from "./reload/reload-plan.ts";
import { sourceSignature } from "./source-signature.ts";
import { DeadLetterFile } from "./state/dead-letter-file.ts";
import { driverFiles } from "./state/driver-folder.ts";
import { fileNameOf } from "./state/file-name.ts";
import type { OpenPipeStore, StateStore } from "./state/state-store.ts";

export interface ManagedPipeContext {
  readonly config: AgentConfig;
  readonly agentId: string;
  readonly pool: BusPool;
  readonly state: StateStore;
  readonly logger: Logger;
  readonly ambience: Ambience;
  readonly descriptors: DescriptorBudget;
}

interface Running {
  readonly lease: BusLease;
  readonly sender: SenderDriver;
  readonly pipe: Pipe;
  readonly store: OpenPipeStore;
  readonly deadLetter: DeadLetterFile;
}

type Stage =
  | { readonly kind: "idle" }
  | { readonly kind: "starting" }
  | ({ readonly kind: "running" } & Running)
  | { readonly kind: "failed"; readonly reason: string }
  | { readonly kind: "stopped"; readonly last: PipeStatus };

function createSender(
  { drivers, sender }: PipeTarget,
  context: Omit<SenderDriverContext, "id">,
): Promise<SenderDriver> {
  const { id, driver, uri, credential, timeoutMs, driverParams: params } = sender;
  const settings = omitUndefined({ uri, credential, timeoutMs, params });
  return drivers.requireSender(driver).create({ id, ...context }, settings);
}

/** What a pipe says itself goes as it is; the rest is the sender's. */
const pipeSettings = (pipe: PipeConfig, sender: SenderConfig, agentId: string): PipeSettings => ({
  ...pipe,
  taskId: `${agentId}:${pipe.id}`,
  batchEvents: pipe.batchEvents ?? sender.batchEvents,
  eventRows: sender.eventRows,
  batchBytes: sender.batchBytes,
});

/** On top of the deadline of a stop: closing sessions (2.5 s at most) and sources. */
export const LAST_STEPS_MS = 3_000;

export class ManagedPipe {
  readonly id: string;
  readonly target: PipeTarget;
  readonly signature: string;
  readonly #context: ManagedPipeContext;
  #state: Stage = { kind: "idle" };
  #starting: Promise<void> = Promise.resolve();
  #stopping: Promise<void> | undefined;
  #stopsAt: string | undefined;
  #generation: string | undefined;

  constructor(target: PipeTarget, context: ManagedPipeContext) {
    this.id = target.pipe.id;
    this.target = target;
    this.signature = sourceSignature(target.source);
    this.#context = context;
  }

  /** Started, and neither failed nor stopped since. */
  get isActive(): boolean {
    return this.#stopping === undefined && (this.#state.kind === "starting" || this.#state.kind === "running");
  }

  /** Why it did not start; undefined when it did or has not been asked to. */
  get failure(): string | undefined {
    return this.#state.kind === "failed" ? this.#state.reason : undefined;
  }

  /** Once. Never rejects: a pipe that cannot start says so in its status. */
  start(): Promise<void> {
    this.#starting = this.#start();
    return this.#starting;
  }

  async #start(): Promise<void> {
    this.#state = { kind: "starting" };
    const logger = this.#context.logger.child({ pipe: this.id });
    try {
      this.#context.descriptors.take(this.signature);
      this.#state = { kind: "running", ...(await this.#buildOrGive(logger)) };
      void this.#state.pipe.run();
    } catch (error) {
      this.#state = { kind: "failed", reason: describeError(error) };
      logger.error({ err: error }, "the pipe cannot start");
    }
  }

  async #buildOrGive(logger: Logger): Promise<Running> {
    try {
      return await this.#build(logger);
    } catch (error) {
      this.#context.descriptors.give(this.signature);
      throw error;
    }
  }

  async #build(logger: Logger): Promise<Running> {
    const { config, agentId, pool, state, ambience } = this.#context;
    const { drivers } = this.target;
    const { id, driver, uri, credential, driverParams: params, maxQueueEvents, maxQueueBytes } = this.target.source;
    const far = this.target.sender;
    const settings = pipeSettings(this.target.pipe, far, agentId);
    const files = driverFiles(config.home, { driver: `sender-${far.driver}`, address: `${this.id}:${far.uri}` });
    const sender = await createSender(this.target, { logger, files });
    const compileMapping: CompileMapping = (steps) => loadAddon().createRowMapper(steps);
    try {
      const sourceLogger = this.#context.logger.child({ source: id });
      const excludePaths = await excludedPaths(config, uri);
      const sourceStore = state.sourceStoreOf(`${driver}:${uri}`);
      const indexPath = await state.indexPathOf(id);
      const sourceSettings = omitUndefined({ uri, credential, params, excludePaths });
      const sourceFiles = driverFiles(config.home, { driver: `source-${driver}`, address: uri });
      const kept = { store: sourceStore, files: sourceFiles, indexPath };
      const sourceContext = omitUndefined({ id, logger: sourceLogger, ...kept });
      const create = () => drivers.requireSource(driver).create(sourceContext, sourceSettings);
      const limits = { maxChanges: maxQueueEvents, maxBytes: maxQueueBytes };
      const lease = await pool.acquire(this.signature, create, limits);
      const store = state.pipeStoreOf(this.id, far.uri);
      const deadLetter = new DeadLetterFile({ path: this.#deadLetterPath, logger, wallClock: ambience.wallClock });
      const onPoison = (row: PoisonRow): void => deadLetter.add(row);
      const { source, bus } = lease;
      const pipe = new Pipe({ settings, source, sender, bus, store, logger, ambience, compileMapping, onPoison });
      return { lease, sender, pipe, store, deadLetter };
    } catch (error) {
      await sender.close();
      throw error;
    }
  }

  /** What waits after a failure, or because the receiver asked to wait, is tried again now. */
  wake(): void {
    if (this.#state.kind === "running") this.#state.pipe.wake();
  }

  /** Its source comes to rest before the stop, so that a later run can go on from what was reported until then. */
  async freezeSource(): Promise<void> {
    if (this.#state.kind !== "running" || this.#stopping !== undefined) return;
    this.#generation = await this.#state.lease.freeze();
  }

  /**
   * Sends what is queued, for so long at most, ends the session and frees everything. What does not end within
   * {@link LAST_STEPS_MS} after that is left behind. Idempotent, never rejects.
   */
  stop(deadlineMs: number): Promise<void> {
    this.#stopping ??= this.#boundedStop(deadlineMs + LAST_STEPS_MS, this.#stop(deadlineMs));
    return this.#stopping;
  }

  async #boundedStop(boundMs: number, stopping: Promise<void>): Promise<void> {
    const { ambience, logger } = this.#context;
    if (await endsWithin(ambience, boundMs, stopping)) return;
    const what = this.#stopsAt ?? "the pipe";
    logger.error({ pipe: this.id }, `${what} did not end within ${boundMs / 1000} s of stopping: it is left behind`);
    if (this.#state.kind === "running") this.#state = { kind: "stopped", last: this.#state.pipe.status() };
  }

  async #stop(deadlineMs: number): Promise<void> {
    this.#stopsAt = "the start";
    await this.#starting;
    if (this.#state.kind === "running") {
      const { pipe, sender, lease, store, deadLetter } = this.#state;
      await this.#step("the pipe", () => pipe.stop(omitUndefined({ deadlineMs, generation: this.#generation })));
      await this.#step("the sender", () => sender.close());
      await this.#step("the journal of deleted keys", () => store.close());
      await this.#step("the dead letters", () => deadLetter.close());
      await this.#step("the source", () => lease.release());
      this.#state = { kind: "stopped", last: pipe.status() };
      this.#context.descriptors.give(this.signature);
    }
  }

  /** One step of the end; a step that fails does not keep the others from being taken. */
  async #step(what: string, end: () => Promise<void>): Promise<void> {
    this.#stopsAt = what;
    try {
      await end();
    } catch (error) {
      this.#context.logger.warn({ pipe: this.id, err: error }, `${what} did not end cleanly`);
    }
  }

  report(): PipeReport {
    const { source, sender } = this.target;
    const { id, driver, uri } = sender;
    return {
      ...this.#status(),
      source: source.id,
      sender: { id, driver, uri: publicAddress(uri) },
      deadLetterFile: this.#deadLetterPath,
    };
  }

  get #deadLetterPath(): string {
    const { home, configDir } = this.#context.config;
    return join(homePaths(home, configDir).deadLetterDir, `${fileNameOf(this.id)}.jsonl`);
  }

  #status(): PipeStatus {
    switch (this.#state.kind) {
      case "idle":
        return idleStatus(this.id, "stopped", "not started");
      case "starting":
        return idleStatus(this.id, "connecting", "opening the source");
      case "running":
        return this.#state.pipe.status();
      case "failed":
        return { ...idleStatus(this.id, "failed", this.#state.reason), lastError: this.#state.reason };
      case "stopped":
        return this.#state.last;
    }
  }

  /** Undefined while the source is not open. */
  confirmSource(): boolean | undefined {
    return this.#state.kind === "running" ? (this.#state.lease.source.confirm?.() ?? false) : undefined;
  }

  /** Undefined while the source is not open; false also for one that knows no sweeps. */
  sweepSource(command: SweepCommand): boolean | undefined {
    return this.#state.kind === "running" ? (this.#state.lease.source.sweep?.(command) ?? false) : undefined;
  }

  /** Undefined while the source is not open. */
  sourceStatus(): SourceStatus | undefined {
    return this.#state.kind === "running" ? this.#state.lease.source.status() : undefined;
  }
}
