/** One pipe of the configuration from its start to its stop: what it is doing, and what its status says. */
import { endsWithin } from "../bus/bus-clock.ts";
import { idleStatus, type PipeStatus } from "../pipe/pipe-status.ts";
import {
  describeError,
  type Logger,
  omitUndefined,
  publicAddress,
  type SourceStatus,
  type SweepCommand,
} from "../sdk/index.ts";
import type { SnapshotCommand, SnapshotRefusal } from "./agent-observer.ts";
import type { PipeReport } from "./agent-status.ts";
import type { PipeTarget } from "./reload/reload-plan.ts";
import {
  deadLetterPath,
  type ManagedPipeContext,
  makeRunningPipe,
  type RunningPipe,
  stepsToEnd,
} from "./running-pipe.ts";
import { sourceSignature } from "./source-signature.ts";

type Stage =
  | { readonly kind: "idle" }
  | { readonly kind: "starting" }
  | ({ readonly kind: "running" } & RunningPipe)
  | { readonly kind: "failed"; readonly reason: string }
  | { readonly kind: "stopped"; readonly last: PipeStatus };

/** On top of the deadline of a stop: closing sessions (2.5 s at most) and sources. */
export const LAST_STEPS_MS = 3_000;

export class ManagedPipe {
  readonly id: string;
  #target: PipeTarget;
  readonly signature: string;
  readonly #context: ManagedPipeContext;
  #state: Stage = { kind: "idle" };
  #starting: Promise<void> = Promise.resolve();
  #stopping: Promise<void> | undefined;
  #stopsAt: string | undefined;
  #generation: string | undefined;

  constructor(target: PipeTarget, context: ManagedPipeContext) {
    this.id = target.pipe.id;
    this.#target = target;
    this.signature = sourceSignature(target.source);
    this.#context = context;
  }

  get target(): PipeTarget {
    return this.#target;
  }

  /** Whether the sender shows the key of this target from now on, in the session that is open. Never rejects. */
  async takeCredential(target: PipeTarget): Promise<boolean> {
    if (this.#state.kind !== "running") return false;
    const { sender } = this.#state;
    const options = { signal: AbortSignal.timeout(target.sender.timeoutMs) };
    const isTaken = await sender.takeCredential?.(target.sender.credential, options).catch(() => false);
    if (isTaken !== true || !this.isActive) return false;
    this.#target = target;
    return true;
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
      this.#state = { kind: "running", ...(await this.#make(logger)) };
      void this.#state.pipe.run();
    } catch (error) {
      this.#state = { kind: "failed", reason: describeError(error) };
      logger.error({ err: error }, "the pipe cannot start");
    }
  }

  async #make(logger: Logger): Promise<RunningPipe> {
    try {
      return await makeRunningPipe(this.target, this.#context, logger);
    } catch (error) {
      this.#context.descriptors.give(this.signature);
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
    const running = this.#state;
    if (running.kind !== "running") return;
    const options = omitUndefined({ deadlineMs, generation: this.#generation });
    for (const { what, end } of stepsToEnd(running, options)) await this.#step(what, end);
    this.#state = { kind: "stopped", last: running.pipe.status() };
    this.#context.descriptors.give(this.signature);
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
      deadLetterFile: deadLetterPath(this.#context.config, this.id),
    };
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

  /** Why no snapshot began; undefined when one did. */
  snapshotNow(): SnapshotRefusal | undefined {
    return this.#state.kind === "running" ? this.#state.pipe.snapshotNow() : "no leader";
  }

  /** False when no snapshot runs, or none is paused that could go on. */
  commandSnapshot(command: SnapshotCommand): boolean {
    return this.#state.kind === "running" && this.#state.pipe.commandSnapshot(command);
  }

  /** False when there is no leader that could look. */
  sentinelNow(): boolean {
    return this.#state.kind === "running" && this.#state.pipe.sentinelNow();
  }

  /** Tells directories again. Undefined while the pipe does not run, false without a session. */
  resend(directories: readonly string[]): boolean | undefined {
    return this.#state.kind === "running" ? this.#state.pipe.resend(directories) : undefined;
  }

  /** Undefined while the source is not open. */
  sourceStatus(): SourceStatus | undefined {
    return this.#state.kind === "running" ? this.#state.lease.source.status() : undefined;
  }
}
