/**
 * The audit of one view: which entries it has held since it began, and which are missing at its end.
 *
 * An entry's mark is `2 * round + 1` when the audit of that round saw it and `2 * round` when a realtime row touched it
 * while that audit ran; every round has its own number, so nothing has to be cleared. At the end the view removes each
 * child of a seen, fully listed directory that was neither seen nor touched.
 */
import { type FileTree, NONE, ROOT } from "./tree.ts";

export interface AuditDump {
  readonly round: number;
  readonly running: boolean;
  readonly finished: number;
  readonly lastFinishedAt: number;
}

export class Audit {
  readonly #tree: FileTree;
  #round = 1;
  #running = false;
  #finished = 0;
  #lastFinishedAt = 0;

  constructor(tree: FileTree) {
    this.#tree = tree;
  }

  get running(): boolean {
    return this.#running;
  }

  /** Audits that reached their end in this view's life. */
  get finished(): number {
    return this.#finished;
  }

  /** Seconds since 1970 by the logical clock; 0 = never. */
  get lastFinishedAt(): number {
    return this.#lastFinishedAt;
  }

  /** Does nothing while one runs. */
  start(): void {
    if (this.#running) return;
    this.#running = true;
    this.#round++;
  }

  /** A new session began: the rows so far may not be complete any more. */
  forget(): void {
    this.#running = false;
    this.#round++;
  }

  reset(): void {
    this.forget();
    this.#finished = 0;
    this.#lastFinishedAt = 0;
  }

  dump(): AuditDump {
    const lastFinishedAt = this.#lastFinishedAt;
    return { round: this.#round, running: this.#running, finished: this.#finished, lastFinishedAt };
  }

  restore(dump: AuditDump): void {
    this.#round = dump.round;
    this.#running = dump.running;
    this.#finished = dump.finished;
    this.#lastFinishedAt = dump.lastFinishedAt;
  }

  see(id: number): void {
    this.#tree.setMark(id, this.#round * 2 + 1);
  }

  /** A realtime row changed the entry. */
  touch(id: number): void {
    if (this.#running && !this.#seen(id)) this.#tree.setMark(id, this.#round * 2);
  }

  /** Ends a running audit and hands out what is missing, highest entries first; the caller removes them. */
  finish(logicalNow: number): readonly number[] {
    if (!this.#running) return [];
    const missing = this.#missing();
    this.#running = false;
    this.#round++;
    this.#finished++;
    this.#lastFinishedAt = logicalNow;
    return missing;
  }

  #seen(id: number): boolean {
    return this.#tree.markOf(id) === this.#round * 2 + 1;
  }

  #missing(): readonly number[] {
    const missing: number[] = [];
    for (let directory = ROOT; directory <= this.#tree.highestId; directory++) {
      if (!this.#seen(directory) || !this.#tree.isLive(directory) || !this.#tree.isDirectory(directory)) continue;
      if (this.#tree.isAuditSkipped(directory)) continue;
      for (let id = this.#tree.firstChildOf(directory); id !== NONE; id = this.#tree.nextSiblingOf(id)) {
        if (this.#tree.markOf(id) < this.#round * 2) missing.push(id);
      }
    }
    return missing;
  }
}
