/** Rows in bulk in one POST: ranges of the source's bytes, and rows in the lifting form. */
import type { Envelope, Row } from "../../sdk/index.ts";
import { halveRanges, parseRow, type RowRange, rangeBytes, rangeRows, rowText } from "../encode/row-ranges.ts";
import type { BulkPhase } from "../phase.ts";
import { type Batch, type BatchContext, jsonBytes } from "./batch.ts";

export class BulkBatch implements Batch {
  readonly phase: BulkPhase;
  readonly #ranges: readonly RowRange[];
  readonly #lifted: readonly Row[];
  readonly #index: number;
  readonly #context: BatchContext;
  #envelope: Envelope | undefined;

  constructor(
    phase: BulkPhase,
    ranges: readonly RowRange[],
    lifted: readonly Row[],
    index: number,
    context: BatchContext,
  ) {
    this.phase = phase;
    this.#ranges = ranges;
    this.#lifted = lifted;
    this.#index = index;
    this.#context = context;
  }

  get rowCount(): number {
    return this.#ranges.reduce((sum, range) => sum + rangeRows(range), this.#lifted.length);
  }

  sizeBytes(): number {
    const ranges = this.#ranges.reduce((sum, range) => sum + rangeBytes(range), 0);
    return this.#lifted.reduce((sum, row) => sum + jsonBytes(row), ranges);
  }

  envelope(): Envelope {
    this.#envelope ??= this.#context.builder.bulk(this.phase, this.#ranges, this.#lifted, this.#index);
    return this.#envelope;
  }

  halve(): readonly [Batch, Batch] | undefined {
    if (this.#ranges.length > 0 && this.#lifted.length > 0)
      return [this.#part(this.#ranges, []), this.#part([], this.#lifted)];
    if (this.#lifted.length > 1) {
      const middle = this.#lifted.length >>> 1;
      return [this.#part([], this.#lifted.slice(0, middle)), this.#part([], this.#lifted.slice(middle))];
    }
    const halves = halveRanges(this.#ranges);
    return halves === undefined ? undefined : [this.#part(halves[0], []), this.#part(halves[1], [])];
  }

  key(): string {
    const range = this.#ranges[0];
    const path = range === undefined ? this.#lifted[0]?.path : pathOf(range);
    return typeof path === "string" ? path : "a row without a path";
  }

  row(): string | undefined {
    const range = this.#ranges[0];
    return range === undefined ? JSON.stringify(this.#lifted[0]) : rowText(range.chunk, range.from);
  }

  sending(): void {
    // Nothing to note: rows in bulk supersede nothing.
  }

  accepted(): void {
    for (const row of this.#lifted) if (typeof row.path === "string") this.#context.tombstones.noteLifted(row.path);
    this.#context.onRows(this.phase, this.rowCount);
  }

  #part(ranges: readonly RowRange[], lifted: readonly Row[]): BulkBatch {
    return new BulkBatch(this.phase, ranges, lifted, this.#index, this.#context);
  }
}

/** A refused row may be no JSON at all. */
function pathOf(range: RowRange): unknown {
  try {
    return parseRow(range.chunk, range.from).path;
  } catch {
    return undefined;
  }
}
