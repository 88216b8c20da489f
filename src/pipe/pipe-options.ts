/** What a pipe is made of, handed in by the composition root. */

import type { BusSubscription } from "../bus/event-bus.ts";
import type { Logger, SenderDriver, SourceDriver } from "../sdk/index.ts";

/** One compiled-in rule of `fields_mapping` (PROTOCOL 10). */
export interface FieldMappingRule {
  readonly to: string;
  readonly source: readonly string[];
  readonly hardcodedValue?: { readonly value: unknown };
}

export interface PipeSettings {
  readonly id: string;
  /** `<agent id>:<pipe id>` */
  readonly taskId: string;
  readonly sessionTimeoutSeconds?: number;
  readonly errorRetryIntervalMs: number;
  readonly maxConsecutiveErrors: number;
  readonly backoffMultiplier: number;
  readonly maxBackoffMs: number;
  readonly fieldsMapping: readonly FieldMappingRule[];
  /** Events in one POST. */
  readonly batchEvents: number;
  /** Rows in one event. */
  readonly eventRows: number;
  /** Bytes of one POST, about. */
  readonly batchBytes: number;
}

/** The clock and the dice, so that tests own them. */
export interface Ambience {
  /** Monotonic milliseconds. */
  now(): number;
  /** Wall clock, epoch milliseconds. */
  wallClock(): number;
  /** [0, 1) */
  random(): number;
}

/** What survives a crash. Implemented by agent/state files; a failure to write never stops a pipe. */
export interface PipeMemory {
  /** The session of a run that did not end cleanly, to be deleted at start. */
  rememberedSession(): Promise<string | undefined>;
  rememberSession(sessionId: string | undefined): Promise<void>;
}

export interface PipeParts {
  readonly settings: PipeSettings;
  readonly source: SourceDriver;
  readonly sender: SenderDriver;
  readonly bus: BusSubscription;
  readonly memory: PipeMemory;
  readonly logger: Logger;
  readonly ambience: Ambience;
}
