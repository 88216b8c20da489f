/** What a pipe hands to a sender: events in wire order plus the envelope's own members. See docs/protocol.md. */
import type { ChangeOperation, Row } from "./changes.ts";

/** The phase a batch belongs to; `message` is what the code calls realtime. */
export type SourceType = "message" | "snapshot" | "audit" | "on_demand_job" | "job_complete";

export type MessageSource = "realtime" | "snapshot" | "audit" | "on_demand_job";

/** Rows of one event: objects (live) or JSON bytes (bulk). */
export type RowData =
  | { readonly kind: "objects"; readonly rows: readonly Row[] }
  /**
   * Each slice holds whole rows separated by single commas; the slices are joined by commas. `count` is the rows in
   * all.
   */
  | { readonly kind: "encoded"; readonly slices: readonly Uint8Array[]; readonly count: number };

export interface EnvelopeEvent {
  readonly eventType: ChangeOperation;
  readonly schema: string;
  readonly table: string;
  /** The keys of the first row. */
  readonly fields: readonly string[];
  readonly rows: RowData;
  /** Strictly increasing integer of epoch milliseconds (docs/protocol.md). */
  readonly index: number;
  readonly messageSource: MessageSource;
}

export interface Envelope {
  readonly sourceType: SourceType;
  readonly events: readonly EnvelopeEvent[];
  /** Last batch of its phase: `is_end`, and `is_snapshot_end` when the phase is the snapshot. */
  readonly isEnd: boolean;
  /** The agent lost its position and offers a snapshot. */
  readonly snapshotSyncSuggested: boolean;
  /** Only on `job_complete`: the real Fusion drops the events of a batch that carries metadata. */
  readonly metadata?: Readonly<Record<string, unknown>>;
}

/** The receiver took the batch. */
export interface Acknowledgement {
  /** Fusion asks for a snapshot beside the stream. */
  readonly snapshotNeeded: boolean;
}

export const rowCountOf = (rows: RowData): number => (rows.kind === "objects" ? rows.rows.length : rows.count);

/** Rows of an envelope in all. */
export const envelopeRowCount = (envelope: Envelope): number =>
  envelope.events.reduce((sum, event) => sum + rowCountOf(event.rows), 0);
