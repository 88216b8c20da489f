/** Batches without rows: the end of a phase, and the completion of a scan. */
import type { Envelope } from "../../sdk/index.ts";
import type { BulkPhase } from "../phase.ts";
import type { Batch } from "./batch.ts";

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
