import type { Checkpoint } from "../../sdk/state-store.ts";

/**
 * Whether the receiver holds everything before the stream, so that the stream alone keeps it true.
 *
 * That needs both: we know that its picture was once complete up to our stream (a full snapshot of ours was ended, or
 * the source could start at the receiver's own position), and the receiver says that it still has everything that it
 * acknowledged. A receiver that names no index, as Fusion 0.8.17, always gets a full snapshot.
 */
export class Completeness {
  readonly #keep: (checkpoint: Checkpoint | undefined) => void;
  /** What an earlier run kept, until the stream was opened; then the newest that this one knows of. */
  #checkpoint: Checkpoint | undefined;
  #isComplete = false;
  #hasStarted = false;
  #committedIndex = -1;

  /** `keep` gets what a later run may go on from; undefined when it may not. */
  constructor(keep: (checkpoint: Checkpoint | undefined) => void = () => undefined) {
    this.#keep = keep;
  }

  /** Before the first session: what an earlier run kept. */
  recall(checkpoint: Checkpoint | undefined): void {
    this.#checkpoint = checkpoint;
  }

  /** Where the stream may go on, if it was not opened yet. */
  get startPosition(): string | undefined {
    return this.#hasStarted ? undefined : this.#checkpoint?.position;
  }

  /** Index of the last accepted live event, -1 when none. */
  get committedIndex(): number {
    return this.#committedIndex;
  }

  /** Nothing is missing from the picture that a snapshot would have to add. */
  get isComplete(): boolean {
    return this.#isComplete;
  }

  /** The stream was opened; only the first time says something about the history. `begin`: where it begins. */
  started(positionLost: boolean, begin?: Checkpoint): void {
    if (this.#hasStarted) return;
    this.#hasStarted = true;
    this.#isComplete = !positionLost;
    if (positionLost) this.#checkpoint = begin;
    else this.#committedIndex = Math.max(this.#committedIndex, this.#checkpoint?.index ?? -1);
  }

  /** `position`: everything before it is with the receiver. */
  committed(index: number, position?: string): void {
    this.#committedIndex = Math.max(this.#committedIndex, index);
    if (position === undefined) return;
    this.#checkpoint = { position, index: this.#committedIndex };
    if (this.#isComplete) this.#keep(this.#checkpoint);
  }

  /** A full snapshot was ended. */
  complete(): void {
    this.#isComplete = true;
    if (this.#checkpoint !== undefined) this.#keep(this.#checkpoint);
  }

  /** Changes were lost, or the receiver says that it lacks the picture. */
  lose(): void {
    this.#isComplete = false;
    this.#keep(undefined);
  }

  isHeldAt(farIndex: number | undefined): boolean {
    return this.#isComplete && farIndex !== undefined && farIndex >= this.#committedIndex;
  }
}
