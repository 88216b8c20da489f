/** What a pipe is made of, handed in by the composition root. */

import type { BusClock } from "../bus/bus-clock.ts";
import type { BusSubscription } from "../sdk/event-bus.ts";
import type { Change, FieldRule, Logger, SenderDriver, SourceDriver } from "../sdk/index.ts";
import type { PipeStore } from "../sdk/state-store.ts";
import type { Phase } from "./phase.ts";
import type { PipeState } from "./pipe-status.ts";
import type { CompileMapping } from "./row-program.ts";

export interface PipeSettings {
  readonly id: string;
  /** `<agent id>:<pipe id>` */
  readonly taskId: string;
  readonly sessionTimeoutSeconds?: number;
  readonly errorRetryIntervalMs: number;
  readonly maxConsecutiveErrors: number;
  readonly backoffMultiplier: number;
  readonly maxBackoffMs: number;
  readonly fieldsMapping: readonly FieldRule[];
  /** Events in one POST. */
  readonly batchEvents: number;
  /** Rows in one event. */
  readonly eventRows: number;
  /** Bytes of one POST, about. */
  readonly batchBytes: number;
  /** Rows in bulk wait while live changes are later than this; 0 = they never do. */
  readonly snapshotPauseLagMs: number;
  /** Between two audits of a leader; the receiver's answer overrides it. 0 = none, not even after a take-over. */
  readonly auditIntervalMs: number;
  /** Between two questions of a leader for suspects; the receiver's answer overrides it. 0 = none. */
  readonly sentinelIntervalMs: number;
}

/** The clock and the dice, so that tests own them. `systemAmbience` is the real one. */
export type Ambience = BusClock;

/** A change or row that the receiver refuses whatever is done. */
export interface PoisonRow {
  /** Its key, or where it was when the row has no key. */
  readonly key: string;
  readonly phase: Phase;
  readonly reason: string;
  /** The row as JSON text, as the source made it (not mapped); hardly ever broken JSON. */
  readonly row?: string;
}

export interface PipeParts {
  readonly settings: PipeSettings;
  readonly source: SourceDriver;
  readonly sender: SenderDriver;
  readonly bus: BusSubscription;
  readonly store: PipeStore;
  readonly logger: Logger;
  readonly ambience: Ambience;
  /** Turns a `fields_mapping` into a program for rows in bulk; without it each of them is parsed. */
  readonly compileMapping?: CompileMapping;
  /** Gets each row that was set aside. */
  readonly onPoison?: (row: PoisonRow) => void;
  /** Gets live changes as the pipe takes them off the bus, again when they have to be sent again. Must return at once. */
  readonly onTaken?: (changes: readonly Change[]) => void;
  /** Gets each new state with its sentence for people. */
  readonly onState?: (state: PipeState, info: string) => void;
}

export interface StopOptions {
  /** How long what is queued may still be sent. Closing the session takes up to 2.5 s on top. Default 5 s. */
  readonly deadlineMs?: number;
  /** What the source calls that which it has reported: it is at rest, and reports no more (SourceDriver.freeze). */
  readonly generation?: string;
}
