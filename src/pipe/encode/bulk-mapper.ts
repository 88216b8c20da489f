/**
 * `fields_mapping` for rows in bulk: a row program maps whole ranges from JSON text to JSON text; only rows it cannot
 * do are parsed.
 *
 * The chunks are shared and stay as they are: the mapped rows are new chunks in memory of their own. What came before
 * (superseding, halving, the lifting form) works on the rows of the source.
 */
import type { CompileMapping, MappingStep, RowProgram } from "../row-program.ts";
import type { FieldMapper } from "./field-mapper.ts";
import { parseRow, type RowRange, type RowTexts } from "./row-ranges.ts";

const encoder = new TextEncoder();

function mappedRange({ table }: RowTexts, buffer: Uint8Array, rowOffsets: Uint32Array): RowRange {
  const rowCount = rowOffsets.length - 1;
  const texts = { rowCount, buffer, rowOffsets, ...(table === undefined ? {} : { table }) };
  return { chunk: texts, from: 0, to: rowCount };
}

export class BulkMapper {
  readonly #mapper: FieldMapper;
  readonly #program: RowProgram | undefined;

  constructor(mapper: FieldMapper, compile: CompileMapping | undefined) {
    this.#mapper = mapper;
    this.#program = mapper.isIdentity ? undefined : compile?.(mapper.steps);
  }

  /** The same rows mapped, in their order; those of which nothing is left are gone. */
  map(ranges: readonly RowRange[]): RowRange[] {
    return ranges.flatMap((range) => this.#mapRange(range));
  }

  #mapRange({ chunk, from, to }: RowRange): RowRange[] {
    const mapped: RowRange[] = [];
    for (let row = from; row < to; row++) {
      const done = this.#program?.map(chunk.buffer, chunk.rowOffsets, row, to);
      if (done !== undefined) {
        for (const step of done.conflicts) this.#mapper.reportConflict(this.#mapper.steps[step] as MappingStep);
        if (done.rowOffsets.length > 1) mapped.push(mappedRange(chunk, done.buffer, done.rowOffsets));
        row = done.end;
      }
      if (row < to) mapped.push(...this.#parsed(chunk, row));
    }
    return mapped;
  }

  #parsed(chunk: RowTexts, row: number): RowRange[] {
    const mapped = this.#mapper.map(parseRow(chunk, row));
    if (Object.keys(mapped).length === 0) return [];
    const text = encoder.encode(JSON.stringify(mapped));
    return [mappedRange(chunk, text, Uint32Array.of(0, text.length + 1))];
  }
}
