/**
 * How far the slot may be moved: to the end of the last transaction whose changes were all accepted by the receivers, and
 * beyond when nothing of ours followed it. Pure.
 */
interface Commit {
  /** Of its last change. */
  readonly sequence: number;
  endLsn: number;
}

export interface HandedOver {
  /** Of the last change. */
  readonly sequence: number;
  readonly changes: number;
  readonly bytes: number;
}

export class Acknowledgements {
  #commits: Commit[] = [];
  #batches: HandedOver[] = [];
  #accepted = 0;
  #durableLsn = 0;
  #changes = 0;
  #bytes = 0;

  /** Everything before it may be forgotten by the server; 0 = nothing is known. */
  get durableLsn(): number {
    return this.#durableLsn;
  }

  /** What was handed over and is not accepted yet. */
  get unacknowledged(): { readonly changes: number; readonly bytes: number } {
    return { changes: this.#changes, bytes: this.#bytes };
  }

  /** Nothing of ours lies between the change with this sequence, the last one so far, and this place. */
  reached(sequence: number, endLsn: number): void {
    const last = this.#commits.at(-1);
    if (last !== undefined && last.sequence === sequence) last.endLsn = Math.max(last.endLsn, endLsn);
    else this.#commits.push({ sequence, endLsn });
    this.#settle();
  }

  handedOver(batch: HandedOver): void {
    this.#batches.push(batch);
    this.#changes += batch.changes;
    this.#bytes += batch.bytes;
  }

  accepted(sequence: number): void {
    this.#accepted = Math.max(this.#accepted, sequence);
    let done = 0;
    for (const batch of this.#batches) {
      if (batch.sequence > this.#accepted) break;
      this.#changes -= batch.changes;
      this.#bytes -= batch.bytes;
      done++;
    }
    this.#batches.splice(0, done);
    this.#settle();
  }

  /** The stream begins again, after the change with this sequence: ends that it showed beyond come again. */
  resume(sequence: number): void {
    this.#commits = this.#commits.filter((commit) => commit.sequence <= sequence);
  }

  /** The server keeps nothing of what was before. */
  forget(): void {
    this.#commits = [];
    this.#durableLsn = 0;
  }

  #settle(): void {
    let done = 0;
    for (; (this.#commits[done]?.sequence ?? Number.POSITIVE_INFINITY) <= this.#accepted; done++) {
      this.#durableLsn = Math.max(this.#durableLsn, this.#commits[done]?.endLsn ?? 0);
    }
    this.#commits.splice(0, done);
  }
}
