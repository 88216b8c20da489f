/** What a pipe is made of, handed in by the composition root. */

import type { BusClock } from "../bus/bus-clock.ts";
import type { BusSubscription } from "../bus/subscription.ts";
import type { Change, FieldRule, Logger, SenderDriver, SourceDriver } from "../sdk/index.ts";
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

/** Where a run that was stopped in order left its receiver: everything that its source had reported was accepted. */
export interface LeftState {
  /** Closed by that run. */
  readonly session: string;
  /** What the source called that which it had reported (SourceDriver.freeze). */
  readonly generation: string;
}

/** Up to where the receiver has everything, as far as a later run can go on from there. */
export interface Checkpoint {
  /** In the source's own words (`position` of a change). */
  readonly position: string;
  /** Wire index of the newest change before it: the receiver has to know of it. */
  readonly index: number;
}

/** What survives a crash. Implemented by agent/state files; a failure to write never stops a pipe. */
export interface PipeStore {
  /** The session of a run that did not end cleanly, to be deleted at start. */
  rememberedSession(): Promise<string | undefined>;
  rememberSession(sessionId: string | undefined): Promise<void>;
  /** Absent: forgotten with the process. */
  readonly deleted?: DeletedStore;
  /**
   * When an earlier run last knew its session to be alive, epoch milliseconds; undefined = nobody knows. Asked once,
   * before the first `noteHeartbeat`.
   */
  lastGoodHeartbeat?(): Promise<number | undefined>;
  /**
   * Called at each good heartbeat; how often it is written down is the store's affair, its last value may be some
   * seconds old.
   */
  noteHeartbeat?(epochMs: number): void;
  /**
   * Whether an earlier run led and had sent every audit that its take-over asked for: nothing of the leaders before it
   * can be on its way. Asked once, before the first `noteTookOver`.
   */
  tookOver?(): Promise<boolean>;
  noteTookOver?(done: boolean): void;
  /** Where the run before left the receiver; undefined = unknown. Forgotten by the call: it counts once. */
  takeLeft?(): Promise<LeftState | undefined>;
  noteLeft?(left: LeftState): Promise<void>;
  /** What an earlier run noted last; asked once, before the first note. */
  checkpoint?(): Promise<Checkpoint | undefined>;
  /**
   * How often it is written down is the store's affair: a later run then sends some changes again. Undefined, because the
   * receiver lacks something, is written at once.
   */
  noteCheckpoint?(checkpoint: Checkpoint | undefined): void;
  /** Rows of the last snapshot that was completed, by any run: what the next one may expect. */
  lastSnapshotRows?(): number | undefined;
  noteSnapshot?(rows: number): void;
}

/** Keys whose delete was sent: see Tombstones. */
export interface DeletedKeys {
  readonly keys: readonly string[];
  /** Directories whose keys are no longer known one by one. */
  readonly directories: readonly string[];
  /** Nothing is known one by one any more. */
  readonly everything: boolean;
}

/**
 * The deleted keys on disk. What `note` was given has to survive the death of the process (a write without fsync does),
 * not that of the machine. Calls never wait and never throw; their order counts.
 */
export interface DeletedStore {
  /** What earlier runs left, asked once before the first `note`. Undefined = it could not be read: nobody knows. */
  load(): Promise<DeletedKeys | undefined>;
  /** Deletes of these keys are about to be sent. */
  note(keys: readonly string[]): void;
  /** Lifted rows of these keys were accepted. */
  forget(keys: readonly string[]): void;
  /** From now on this is all there is (what was known one by one has collapsed into directories). */
  replace(all: DeletedKeys): void;
}

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
