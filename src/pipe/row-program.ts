/** What the rules of a `fields_mapping` are compiled into. */

import type { FieldType } from "../sdk/index.ts";

/** A rule that does something, in the form that the row program in C++ takes as well. */
export interface MappingStep {
  /** Segments of the dotted target. */
  readonly target: readonly string[];
  /** JSON text; wins over the source. */
  readonly constant?: string;
  /** Member of the row. */
  readonly source?: string;
  readonly type?: FieldType;
}

/** Made by `PipeParts.compileMapping`; see NativeRowMapper. */
export interface RowProgram {
  /** Maps `[from, to)` up to the first row it cannot do, `end`. Rows of which nothing is left are not in the result. */
  map(
    buffer: Uint8Array,
    rowOffsets: Uint32Array,
    from: number,
    to: number,
  ): {
    readonly end: number;
    readonly buffer: Uint8Array;
    readonly rowOffsets: Uint32Array;
    /** Numbers of steps that were left out. */
    readonly conflicts: Uint32Array;
  };
}

export type CompileMapping = (steps: readonly MappingStep[]) => RowProgram;
