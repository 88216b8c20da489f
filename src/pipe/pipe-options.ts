/** What a pipe is made of, handed in by the composition root. */

import type { BusClock } from "../bus/bus-clock.ts";
import type { BusSubscription } from "../bus/event-bus.ts";
import type { Command, Logger, SenderDriver, SourceDriver } from "../sdk/index.ts";

/** One rule of `fields_mapping`; docs/protocol.md has the rules of mapping. */
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

/** The clock and the dice, so that tests own them. `systemAmbience` is the real one. */
export type Ambience = BusClock;

/** What survives a crash. Implemented by agent/state files; a failure to write never stops a pipe. */
export interface PipeMemory {
  /** The session of a run that did not end cleanly, to be deleted at start. */
  rememberedSession(): Promise<string | undefined>;
  rememberSession(sessionId: string | undefined): Promise<void>;
}

/** Carries out what the far side asks for with its heartbeats. Called one command after the other; a throw is logged. */
export interface CommandHandler {
  /** False when the command's type is not known. */
  handle(command: Command): boolean | Promise<boolean>;
}

/** A change or row that the far side refuses whatever is done. */
export interface PoisonRow {
  /** Its key, or where it was when the key cannot be told. */
  readonly key: string;
  readonly phase: "message" | "snapshot";
  readonly reason: string;
}

export interface PipeParts {
  readonly settings: PipeSettings;
  readonly source: SourceDriver;
  readonly sender: SenderDriver;
  readonly bus: BusSubscription;
  readonly memory: PipeMemory;
  readonly logger: Logger;
  readonly ambience: Ambience;
  /** Without one every command is unknown. */
  readonly commands?: CommandHandler;
  /** Told of each row that was set aside. */
  readonly onPoison?: (row: PoisonRow) => void;
}
