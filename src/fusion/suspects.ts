/** Which files of a tree count as being written, until when, and what a look at one of them corrects. */
import type { FusionClock } from "./fusion-clock.ts";
import { type FileTree, NONE } from "./tree.ts";

export interface SuspectsDump {
  readonly startSeconds: number;
  readonly horizon: number;
}

export class Suspects {
  readonly #tree: FileTree;
  readonly #clock: FusionClock;
  readonly #hotFileSeconds: number;
  /** Seconds are counted from here on: the column that holds them has 24 bits of precision. */
  #startSeconds: number;
  /** No suspect lives beyond this monotonic second. */
  #horizon = 0;

  /** `hotFileSeconds`: how long a file counts as being written after a row that said so. */
  constructor(tree: FileTree, clock: FusionClock, hotFileSeconds: number) {
    this.#tree = tree;
    this.#clock = clock;
    this.#hotFileSeconds = hotFileSeconds;
    this.#startSeconds = clock.monotonicMs() / 1000;
  }

  has(id: number): boolean {
    return this.#tree.suspectUntilOf(id) > this.#now();
  }

  /** Ids of the files that count as being written at the moment. */
  all(): readonly number[] {
    const now = this.#now();
    return this.#horizon > now ? this.#tree.idsWhere((id) => this.#tree.suspectUntilOf(id) > now) : [];
  }

  /** A row said that the file is being written, or it changed `ageSeconds` ago. */
  add(id: number, ageSeconds = 0): void {
    if (ageSeconds >= this.#hotFileSeconds) return;
    const until = this.#now() + this.#hotFileSeconds - Math.max(0, ageSeconds);
    this.#tree.setSuspectUntil(id, until);
    this.#horizon = Math.max(this.#horizon, until + 1);
  }

  /** A row said that the file is whole. */
  remove(id: number): void {
    this.#tree.setSuspectUntil(id, 0);
  }

  /**
   * The agent looked at a suspect: the view takes over what differs, and the file then stays suspect for another
   * period.
   */
  correct(path: string, modified: number, size: number | undefined): boolean {
    const id = this.#tree.lookup(path);
    if (id === NONE || !this.has(id) || this.#tree.isDirectory(id)) return false;
    if (this.#tree.modifiedOf(id) === modified) return true;
    this.#tree.setFacts(id, size ?? this.#tree.sizeOf(id), modified, this.#tree.createdOf(id));
    this.add(id);
    return true;
  }

  dump(): SuspectsDump {
    return { startSeconds: this.#startSeconds, horizon: this.#horizon };
  }

  restore({ startSeconds, horizon }: SuspectsDump): void {
    this.#startSeconds = startSeconds;
    this.#horizon = horizon;
  }

  #now(): number {
    return this.#clock.monotonicMs() / 1000 - this.#startSeconds;
  }
}
