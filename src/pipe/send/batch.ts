/** What goes to the receiver in one POST, and can be cut in two when the receiver does not take it as it is. */
import type { Change, Envelope, Row } from "../../sdk/index.ts";
import type { EnvelopeBuilder } from "../encode/envelope-builder.ts";
import type { Phase } from "../phase.ts";
import type { Tombstones } from "../receiver/tombstones.ts";

export interface Batch {
  readonly phase: Phase;
  /** Rows of the source; a lifted one counts once although it goes out twice. */
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
  /** Gets every live change right before it is sent. */
  readonly superseded: { note(change: Change): void };
  readonly onRows: (phase: Phase, rows: number) => void;
}

/** Bytes of a row on the wire, about. */
export const jsonBytes = (row: Row): number => Buffer.byteLength(JSON.stringify(row));
