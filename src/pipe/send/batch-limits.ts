/**
 * How much one POST may hold: what was configured, and less for a while after the receiver said that a body was too
 * large. Without that memory each POST would learn the same again, by being refused and halved.
 */
import type { BatchSize } from "./work-item.ts";

const REMEMBERED_MS = 600_000;
/** Below that it is hardly the size of the batch. */
export const LEAST_BATCH_BYTES = 4096;

export class BatchLimits implements BatchSize {
  readonly events: number;
  readonly eventRows: number;
  readonly #bytes: number;
  readonly #now: () => number;
  #learned: { bytes: number; readonly until: number } | undefined;

  constructor(configured: BatchSize, now: () => number) {
    this.events = configured.events;
    this.eventRows = configured.eventRows;
    this.#bytes = configured.bytes;
    this.#now = now;
  }

  get bytes(): number {
    if (this.#learned !== undefined && this.#now() >= this.#learned.until) this.#learned = undefined;
    return this.#learned?.bytes ?? this.#bytes;
  }

  get isReduced(): boolean {
    return this.bytes < this.#bytes;
  }

  /** A body with so many bytes of rows was too large. */
  refused(bytes: number): void {
    const half = Math.max(Math.floor(Math.min(bytes, this.bytes) / 2), LEAST_BATCH_BYTES);
    if (half < this.bytes) this.#learned = { bytes: half, until: this.#now() + REMEMBERED_MS };
  }

  /** One with so many was taken: the limit lies above it, whatever a single huge row made us believe. */
  accepted(bytes: number): void {
    if (this.#learned !== undefined && bytes > this.#learned.bytes) this.#learned.bytes = Math.min(bytes, this.#bytes);
  }
}
