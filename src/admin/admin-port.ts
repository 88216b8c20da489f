/** What the admin API can do with the agent; handed in by the process that runs it. */

import type { SnapshotCommand, SnapshotRefusal } from "../agent/agent-observer.ts";
import type { AgentStatus } from "../agent/agent-status.ts";
import type { ReloadOutcome, StartedPipe } from "../agent/reload/reload-report.ts";
import type { PreviewOutcome } from "../agent/reload/reloader.ts";
import type { AgentConfig } from "../config/model.ts";
import type { ListedDriver } from "../drivers/installed-drivers.ts";
import type { PipeConfigService, SweepCommand } from "../sdk/index.ts";
import type { History } from "./history.ts";
import type { Journal } from "./journal.ts";
import type { Taps } from "./tap.ts";

export interface Previewed {
  readonly outcome: PreviewOutcome;
  /** Absent when it is refused. */
  readonly config?: AgentConfig;
}

export interface AdminPort {
  status(): AgentStatus;
  /** Must return at once; the stop itself goes on behind it. */
  requestStop(): void;
  reload(): Promise<ReloadOutcome>;
  /** What a reload would do now, and the configuration that it would take over. */
  previewReload(): Promise<Previewed>;
  /**
   * One pipe by its name, or those of a configuration file; each with how it went. Throws what the configuration is
   * refused for.
   */
  startPipes(name: string): Promise<readonly StartedPipe[]>;
  /** Stops a pipe and starts it anew, with how that went. Throws as `startPipes`, and then stops nothing. */
  restartPipe(id: string): Promise<readonly StartedPipe[]>;
  /** False when there is no such pipe. */
  stopPipe(id: string): Promise<boolean>;
  /** Undefined when no such pipe runs. */
  snapshotNow(id: string): SnapshotRefusal | "begun" | undefined;
  /** Undefined when no such pipe runs, false when no snapshot runs, or none is paused that could go on. */
  commandSnapshot(id: string, command: SnapshotCommand): boolean | undefined;
  /** Undefined when no such pipe runs, false when nothing can be asked. */
  sentinelNow(id: string): boolean | undefined;
  /** Undefined when no such source is open, false when there was nothing to confirm. */
  confirmSource(id: string): boolean | undefined;
  /** Undefined when no such pipe runs, false when there was nothing to do. */
  sweepSource(pipe: string, command: SweepCommand): boolean | undefined;
  /** Has a pipe tell directories again. Undefined when no such pipe runs, false when it has no session. */
  resend(pipe: string, directories: readonly string[]): boolean | undefined;
  /** Loads the code of installed drivers, because only that shows whether they can be used. */
  drivers(): Promise<readonly ListedDriver[]>;
  /** Pipes that are added, changed and removed while the agent runs. */
  readonly pipeConfigs: PipeConfigService;
  /** The one that runs. */
  config(): AgentConfig;
  readonly journal: Journal;
  readonly history: History;
  readonly taps: Taps;
}
