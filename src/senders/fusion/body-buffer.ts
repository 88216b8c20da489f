const KEPT_BYTES = 16 * 1024 * 1024;
const GRAIN_BYTES = 64 * 1024;

/**
 * Memory for one body at a time, kept from push to push: fresh megabytes for each POST cost more in page faults than
 * the copying. The taker gives a buffer back when nothing reads it any more, or lets go of it for good.
 */
export class BodyBuffer {
  #spare: Buffer | undefined;

  /** A buffer of exactly this size with undefined contents. */
  take(size: number): Buffer {
    const spare = this.#spare;
    this.#spare = undefined;
    if (spare !== undefined && spare.byteLength >= size) return spare.subarray(0, size);
    return Buffer.allocUnsafeSlow(Math.ceil(size / GRAIN_BYTES) * GRAIN_BYTES).subarray(0, size);
  }

  /** Only for buffers that {@link take} handed out. */
  giveBack(buffer: Buffer): void {
    if (buffer.buffer.byteLength <= KEPT_BYTES) this.#spare = Buffer.from(buffer.buffer);
  }
}
