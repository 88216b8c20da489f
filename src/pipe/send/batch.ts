/** What goes to the receiver in one POST, and can be cut in two when the receiver does not take it as it is. */
import type { Change, Envelope, Row } from "../../sdk/index.ts";
import type { EnvelopeBuilder, LiveItem } from "../encode/envelope-builder.ts";
import { halveRanges, type RowRange, rangeBytes, rangeRows, rowPath, rowText } from "../encode/row-ranges.ts";
import type { BulkPhase, Phase } from "../phase.ts";
import type { Tombstones } from "../receiver/tombstones.ts";

export interface Batch {
  readonly phase: Phase;
  /** Rows of the source; a revived one counts once although it goes out twice. */
  readonly rowCount: number;
  /** Its rows as they come from the source, about. */
  sizeBytes(): number;
  /** The same object at every attempt. */
  envelope(): Envelope;
  /** Two halves in order, or undefined when it is one row or none. */
  halve(): readonly [Batch, Batch] | undefined;
  /** Given up when the receiver refuses it, although it holds no rows. */
  readonly isExpendable?: boolean;
  /** Keys for the log, of a batch that cannot be halved. */
  key(): string;
  /** The row itself as JSON text, of a batch that cannot be halved; undefined when it has none. */
  row(): string | undefined;
  /** Right before each attempt. */
  sending(): void;
  accepted(): void;
}

export interface BatchContext {
  readonly builder: EnvelopeBuilder;
  readonly tombstones: Tombstones;
  /** Told of every live change right before it is sent. */
  readonly superseded: { note(change: Change): void };
  readonly onRows: (phase: Phase, rows: number) => void;
}

const jsonBytes = (row: Row): number => Buffer.byteLength(JSON.stringify(row));

export class LiveBatch implements Batch {
  readonly phase = "message";
  readonly #items: readonly LiveItem[];
  readonly #context: BatchContext;
  #envelope: Envelope | undefined;

  constructor(items: readonly LiveItem[], context: BatchContext) {
    this.#items = items;
    this.#context = context;
  }

  get rowCount(): number {
    return this.#items.length;
  }

  sizeBytes(): number {
    return this.#items.reduce((sum, { change }) => sum + jsonBytes(change.row), 0);
  }

  envelope(): Envelope {
    this.#envelope ??= this.#context.builder.live(this.#items);
    return this.#envelope;
  }

  halve(): readonly [Batch, Batch] | undefined {
    if (this.#items.length < 2) return undefined;
    // An item stands for both rows of the lifting form, so a pair is never torn.
    const middle = this.#items.length >>> 1;
    return [
      new LiveBatch(this.#items.slice(0, middle), this.#context),
      new LiveBatch(this.#items.slice(middle), this.#context),
    ];
  }

  key(): string {
    return this.#items.map((item) => item.change.key).join(", ");
  }

  row(): string | undefined {
    const [item] = this.#items;
    return item === undefined ? undefined : JSON.stringify(item.change.row);
  }

  sending(): void {
    const deleted: Change[] = [];
    for (const { change } of this.#items) {
      this.#context.superseded.note(change);
      if (change.op === "delete" && isTombstoned(change.row)) deleted.push(change);
    }
    this.#context.tombstones.noteAllDeleted(deleted);
  }

  accepted(): void {
    const { tombstones, onRows } = this.#context;
    for (const { change, revive } of this.#items) {
      // In order: of a delete and a lifting row of the same key the later one counts.
      if (change.op === "delete" && isTombstoned(change.row)) tombstones.noteDeleted(change);
      else if (revive) tombstones.noteRevived(change.key);
    }
    onRows("message", this.#items.length);
  }
}

/** Only paths leave tombstones; other sources' keys would fill the set for nothing. */
const isTombstoned = (row: Row): boolean => typeof row.path === "string";

export class BulkBatch implements Batch {
  readonly phase: BulkPhase;
  readonly #ranges: readonly RowRange[];
  readonly #revived: readonly Row[];
  readonly #index: number;
  readonly #context: BatchContext;
  #envelope: Envelope | undefined;

  constructor(
    phase: BulkPhase,
    ranges: readonly RowRange[],
    revived: readonly Row[],
    index: number,
    context: BatchContext,
  ) {
    this.phase = phase;
    this.#ranges = ranges;
    this.#revived = revived;
    this.#index = index;
    this.#context = context;
  }

  get rowCount(): number {
    return this.#ranges.reduce((sum, range) => sum + rangeRows(range), this.#revived.length);
  }

  sizeBytes(): number {
    const ranges = this.#ranges.reduce((sum, range) => sum + rangeBytes(range), 0);
    return this.#revived.reduce((sum, row) => sum + jsonBytes(row), ranges);
  }

  envelope(): Envelope {
    this.#envelope ??= this.#context.builder.bulk(this.phase, this.#ranges, this.#revived, this.#index);
    return this.#envelope;
  }

  halve(): readonly [Batch, Batch] | undefined {
    if (this.#ranges.length > 0 && this.#revived.length > 0)
      return [this.#part(this.#ranges, []), this.#part([], this.#revived)];
    if (this.#revived.length > 1) {
      const middle = this.#revived.length >>> 1;
      return [this.#part([], this.#revived.slice(0, middle)), this.#part([], this.#revived.slice(middle))];
    }
    const halves = halveRanges(this.#ranges);
    return halves === undefined ? undefined : [this.#part(halves[0], []), this.#part(halves[1], [])];
  }

  key(): string {
    const range = this.#ranges[0];
    const path = range === undefined ? this.#revived[0]?.path : pathOf(range);
    return typeof path === "string" ? path : "a row without a path";
  }

  row(): string | undefined {
    const range = this.#ranges[0];
    return range === undefined ? JSON.stringify(this.#revived[0]) : rowText(range.chunk, range.from);
  }

  sending(): void {
    // Nothing to note: rows in bulk supersede nothing.
  }

  accepted(): void {
    for (const row of this.#revived) if (typeof row.path === "string") this.#context.tombstones.noteRevived(row.path);
    this.#context.onRows(this.phase, this.rowCount);
  }

  #part(ranges: readonly RowRange[], revived: readonly Row[]): BulkBatch {
    return new BulkBatch(this.phase, ranges, revived, this.#index, this.#context);
  }
}

/** A refused row may be no JSON at all. */
function pathOf(range: RowRange): string | undefined {
  try {
    return rowPath(range.chunk, range.from);
  } catch {
    return undefined;
  }
}

/** The end signal of a phase. */
export class EndBatch implements Batch {
  readonly phase: BulkPhase;
  readonly rowCount = 0;
  readonly sizeBytes = (): number => 0;
  readonly #envelope: Envelope;
  readonly #onAccepted: () => void;

  constructor(phase: BulkPhase, envelope: Envelope, onAccepted: () => void) {
    this.phase = phase;
    this.#envelope = envelope;
    this.#onAccepted = onAccepted;
  }

  envelope(): Envelope {
    return this.#envelope;
  }

  halve(): undefined {
    return undefined;
  }

  key(): string {
    return `the end (${this.phase})`;
  }

  row(): undefined {
    return undefined;
  }

  sending(): void {
    // Holds no rows.
  }

  accepted(): void {
    this.#onAccepted();
  }
}

/** That a scan is over. Without rows, but not worth blocking the scheduler for when the receiver does not like it. */
export class CompletionBatch implements Batch {
  readonly phase = "on_demand_job";
  readonly rowCount = 0;
  readonly sizeBytes = (): number => 0;
  readonly isExpendable = true;
  readonly #envelope: Envelope;
  readonly #path: string;

  constructor(envelope: Envelope, path: string) {
    this.#envelope = envelope;
    this.#path = path;
  }

  envelope(): Envelope {
    return this.#envelope;
  }

  halve(): undefined {
    return undefined;
  }

  key(): string {
    return `the completion of the scan of ${this.#path}`;
  }

  row(): undefined {
    return undefined;
  }

  sending(): void {
    // Holds no rows.
  }

  accepted(): void {
    // Nothing to count.
  }
}
