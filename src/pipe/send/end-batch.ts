/** Batches without rows: the end of a phase, and the completion of a scan. */
import type { Envelope } from "../../sdk/index.ts";
import type { BulkPhase, Phase } from "../phase.ts";
import type { Batch } from "./batch.ts";

abstract class RowlessBatch implements Batch {
  abstract readonly phase: Phase;
  readonly rowCount = 0;
  readonly #envelope: Envelope;

  constructor(envelope: Envelope) {
    this.#envelope = envelope;
  }

  sizeBytes(): number {
    return 0;
  }

  envelope(): Envelope {
    return this.#envelope;
  }

  halve(): undefined {
    return undefined;
  }

  abstract key(): string;

  row(): undefined {
    return undefined;
  }

  sending(): void {
    // Holds no rows.
  }

  abstract accepted(): void;
}

/** The end signal of a phase. */
export class EndBatch extends RowlessBatch {
  readonly phase: BulkPhase;
  readonly #onAccepted: () => void;

  constructor(phase: BulkPhase, envelope: Envelope, onAccepted: () => void) {
    super(envelope);
    this.phase = phase;
    this.#onAccepted = onAccepted;
  }

  key(): string {
    return `the end (${this.phase})`;
  }

  accepted(): void {
    this.#onAccepted();
  }
}

/** That a scan is over. Without rows, but not worth blocking the scheduler for when the receiver does not like it. */
export class CompletionBatch extends RowlessBatch {
  readonly phase = "on_demand_job";
  readonly isExpendable = true;
  readonly #path: string;

  constructor(envelope: Envelope, path: string) {
    super(envelope);
    this.#path = path;
  }

  key(): string {
    return `the completion of the scan of ${this.#path}`;
  }

  accepted(): void {
    // Nothing to count.
  }
}
