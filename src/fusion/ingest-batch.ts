/** A batch of an agent whose shape was checked. The rows themselves are checked one by one when they are applied. */

export type MessageSource = "realtime" | "snapshot" | "audit" | "on_demand_job";
export type EventType = "insert" | "update" | "delete";

export interface IngestEvent {
  readonly eventType: EventType;
  readonly messageSource: MessageSource;
  /** -1 when the agent gave none. */
  readonly index: number;
  readonly rows: readonly unknown[];
}

export interface IngestBatch {
  readonly sourceType: string;
  readonly isEnd: boolean;
  readonly events: readonly IngestEvent[];
  readonly metadata: Readonly<Record<string, unknown>> | undefined;
  readonly snapshotSyncSuggested: boolean;
  readonly isSnapshotEnd: boolean;
}

/** One entry of the `detail` of a 422. */
export interface BodyProblem {
  readonly type: string;
  readonly loc: readonly (string | number)[];
  readonly msg: string;
}

export type Checked<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly problem: BodyProblem };

/** Envelopes of these kinds report the end of a scan when they carry metadata; Fusion does not look at their events. */
const JOB_COMPLETIONS: ReadonlySet<string> = new Set([
  "on_demand_job",
  "on_demand_jon",
  "job_complete",
  "find_complete",
  "scan_complete",
]);

export const isJobCompletion = (batch: IngestBatch): boolean =>
  batch.metadata !== undefined && Object.keys(batch.metadata).length > 0 && JOB_COMPLETIONS.has(batch.sourceType);

export const rowCount = (batch: IngestBatch): number => batch.events.reduce((sum, event) => sum + event.rows.length, 0);
