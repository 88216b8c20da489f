/** Puts rows into events and events into envelopes. Copies nothing but rows that are mapped or lifted. */
import type {
  Change,
  ChangeOperation,
  Envelope,
  EnvelopeEvent,
  MessageSource,
  Row,
  SourceType,
} from "../../sdk/index.ts";
import type { BulkPhase } from "../phase.ts";
import type { CompileMapping } from "../row-program.ts";
import { BulkMapper } from "./bulk-mapper.ts";
import type { FieldMapper } from "./field-mapper.ts";
import { parseRow, type RowRange, rangeSlice } from "./row-ranges.ts";

/** About three years ahead. */
const LIFT_SECONDS = 1e8;

/** A copy of the row that lifts the tombstone of its path. */
const liftingRow = (row: Row, wallClockMs: number): Row => ({
  ...row,
  modified_time: wallClockMs / 1000 + LIFT_SECONDS,
});

/** A live change ready to be sent. */
export interface LiveItem {
  readonly change: Change;
  readonly index: number;
  /** Lift the tombstone of its path first. */
  readonly lift: boolean;
}

/** Neighbouring changes of one table that share an event; lifted ones share a pair of events. */
export interface LiveRun {
  readonly form: ChangeOperation | "lift";
  readonly items: readonly LiveItem[];
}

const formOf = ({ change, lift }: LiveItem): LiveRun["form"] => (lift && change.op !== "delete" ? "lift" : change.op);

const isAlike = (one: LiveItem, other: LiveItem): boolean =>
  formOf(one) === formOf(other) && one.change.table === other.change.table;

/** Splits changes into runs of one form and table with at most `eventRows` items, keeping their order. */
export function liveRuns(items: readonly LiveItem[], eventRows: number): LiveRun[] {
  const runs: LiveRun[] = [];
  let current: LiveItem[] = [];
  for (const item of items) {
    const last = current.at(-1);
    if (last === undefined || !isAlike(last, item) || current.length >= eventRows) {
      current = [];
      runs.push({ form: formOf(item), items: current });
    }
    current.push(item);
  }
  return runs;
}

/** Events that a run becomes. */
export const eventsOfRun = (run: LiveRun): number => (run.form === "lift" ? 2 : 1);

export interface EnvelopeBuilderParts {
  readonly schema: string;
  /** Of changes and chunks that name none. */
  readonly table: string;
  /** Keys of a full row of that table. */
  readonly fields: readonly string[];
  readonly mapper: FieldMapper;
  /** Without it rows in bulk are parsed when there is a mapping. */
  readonly compileMapping?: CompileMapping;
  readonly eventRows: number;
  readonly wallClock: () => number;
  /** The receiver should know that it needs a snapshot. */
  readonly suggestSnapshot: () => boolean;
}

export class EnvelopeBuilder {
  readonly #parts: EnvelopeBuilderParts;
  readonly #bulkMapper: BulkMapper;

  constructor(parts: EnvelopeBuilderParts) {
    this.#parts = parts;
    this.#bulkMapper = new BulkMapper(parts.mapper, parts.compileMapping);
  }

  live(items: readonly LiveItem[]): Envelope {
    const events = liveRuns(items, this.#parts.eventRows).flatMap((run) => this.#eventsOfRun(run));
    return this.#envelope("message", events, false);
  }

  /** Bulk rows, then rows that need the lifting form. */
  bulk(phase: BulkPhase, ranges: readonly RowRange[], lifted: readonly Row[], index: number): Envelope {
    const { isIdentity } = this.#parts.mapper;
    const events = this.#encodedEvents(phase, isIdentity ? ranges : this.#bulkMapper.map(ranges), index);
    for (let from = 0; from < lifted.length; from += this.#parts.eventRows) {
      events.push(...this.#liftingPair(lifted.slice(from, from + this.#parts.eventRows), index));
    }
    return this.#envelope(phase, events, false);
  }

  end(phase: "snapshot" | "audit"): Envelope {
    return this.#envelope(phase, [], true);
  }

  /** Neither an end nor a batch: the receiver drops the events of whatever carries metadata. */
  jobComplete(metadata: Readonly<Record<string, unknown>>): Envelope {
    return { sourceType: "job_complete", events: [], isEnd: false, snapshotSyncSuggested: false, metadata };
  }

  #envelope(sourceType: SourceType, events: readonly EnvelopeEvent[], isEnd: boolean): Envelope {
    return { sourceType, events, isEnd, snapshotSyncSuggested: !isEnd && this.#parts.suggestSnapshot() };
  }

  #eventsOfRun({ form, items }: LiveRun): EnvelopeEvent[] {
    const rows = items.map((item) => item.change.row);
    const index = items.at(-1)?.index ?? -1;
    const table = items[0]?.change.table;
    if (form === "lift") return this.#liftingPair(rows, index, table);
    return this.#objectEvents(form, rows, index, "realtime", table);
  }

  #liftingPair(rows: readonly Row[], index: number, table?: string): EnvelopeEvent[] {
    const now = this.#parts.wallClock();
    const lifting = rows.map((row) => liftingRow(row, now));
    return [
      ...this.#objectEvents("update", lifting, index, "snapshot", table),
      ...this.#objectEvents("update", rows, index, "realtime", table),
    ];
  }

  /**
   * One event, or none when the mapping leaves nothing of its rows: an event without rows would count as a failure
   * there.
   */
  #objectEvents(
    eventType: ChangeOperation,
    rows: readonly Row[],
    index: number,
    messageSource: MessageSource,
    table = this.#parts.table,
  ): EnvelopeEvent[] {
    const { schema, mapper } = this.#parts;
    const mapped = mapper.isIdentity
      ? rows
      : rows.map((row) => mapper.map(row)).filter((row) => Object.keys(row).length > 0);
    const first = mapped[0];
    if (first === undefined) return [];
    const fields = Object.keys(first);
    return [{ eventType, schema, table, fields, rows: { kind: "objects", rows: mapped }, index, messageSource }];
  }

  /** Slices of the chunks' own buffers (or of mapped ones), up to `eventRows` rows of one table an event. */
  #encodedEvents(phase: BulkPhase, ranges: readonly RowRange[], index: number): EnvelopeEvent[] {
    const { schema, eventRows } = this.#parts;
    const events: EnvelopeEvent[] = [];
    let slices: Uint8Array[] = [];
    let count = 0;
    let table = this.#parts.table;
    let fields = this.#parts.fields;
    const flush = (): void => {
      if (count === 0) return;
      const rows = { kind: "encoded", slices, count } as const;
      events.push({ eventType: "update", schema, table, fields, rows, index, messageSource: phase });
      slices = [];
      count = 0;
    };
    for (const range of ranges) {
      if ((range.chunk.table ?? this.#parts.table) !== table) flush();
      for (let from = range.from; from < range.to; ) {
        const to = Math.min(range.to, from + eventRows - count);
        if (count === 0) {
          table = range.chunk.table ?? this.#parts.table;
          fields = this.#fieldsOf(range, from);
        }
        slices.push(rangeSlice({ chunk: range.chunk, from, to }));
        count += to - from;
        from = to;
        if (count >= eventRows) flush();
      }
    }
    flush();
    return events;
  }

  /** Only rows of the driver's own table, as they are, need no look into them. */
  #fieldsOf({ chunk }: RowRange, row: number): readonly string[] {
    const { mapper, table, fields } = this.#parts;
    const isKnown = mapper.isIdentity && (chunk.table === undefined || chunk.table === table);
    return isKnown ? fields : Object.keys(parseRow(chunk, row));
  }
}
