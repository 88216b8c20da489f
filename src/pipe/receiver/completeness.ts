/**
 * Whether the receiver holds everything before the stream, so that the stream alone keeps it true.
 *
 * That needs both: we know that its picture was once complete up to our stream (a full snapshot of ours was ended, or
 * the source could start at the receiver's own position), and the receiver says that it still has everything that it
 * acknowledged. A receiver that names no index, as Fusion 0.8.17, always gets a full snapshot.
 */
export class Completeness {
  #isComplete = false;
  #hasStarted = false;
  #committedIndex = -1;

  /** Index of the last accepted live event, -1 when none. */
  get committedIndex(): number {
    return this.#committedIndex;
  }

  /** Nothing is missing from the picture that a snapshot would have to add. */
  get isComplete(): boolean {
    return this.#isComplete;
  }

  /** The stream was opened; only the first time says something about the history. */
  started(positionLost: boolean): void {
    if (!this.#hasStarted) this.#isComplete = !positionLost;
    this.#hasStarted = true;
  }

  committed(index: number): void {
    this.#committedIndex = Math.max(this.#committedIndex, index);
  }

  /** A full snapshot was ended. */
  complete(): void {
    this.#isComplete = true;
  }

  /** Changes were lost, or the receiver says that it lacks the picture. */
  lose(): void {
    this.#isComplete = false;
  }

  isHeldAt(farIndex: number | undefined): boolean {
    return this.#isComplete && farIndex !== undefined && farIndex >= this.#committedIndex;
  }
}
