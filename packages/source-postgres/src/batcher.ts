/** Batches of changes from the stream of a slot, and how far each of them reaches. */
import type { Change, ChangeBatch } from "fustor-agent/sdk";
import type { Pgoutput } from "pg-logical-replication";
import type { Acknowledgements } from "./acknowledgements.ts";
import { type ChangeMapper, TablesChanged } from "./change-mapper.ts";
import { parseLsn } from "./lsn.ts";
import type { Heartbeat, ReplicationStream } from "./replication.ts";

const BATCH_CHANGES = 500;
const BATCH_BYTES = 1 << 20;

export interface BatcherParts {
  readonly stream: ReplicationStream;
  readonly mapper: ChangeMapper;
  readonly acknowledgements: Acknowledgements;
  /** Transactions up to this place were handed over before; after a lost connection they come again. */
  readonly doneLsn: number;
}

export class Batcher {
  readonly #parts: BatcherParts;
  #doneLsn: number;
  #isInTransaction = false;
  /** The transaction was handed over before. */
  #isKnown = false;
  #committedAtMs = 0;
  /** A table changed when what had come before that was not yet handed over. */
  #failure: TablesChanged | undefined;

  constructor(parts: BatcherParts) {
    this.#parts = parts;
    this.#doneLsn = parts.doneLsn;
  }

  /** The last transaction that ended in the batches so far. */
  get doneLsn(): number {
    return this.#doneLsn;
  }

  /**
   * What has come so far; undefined when no change has. That a table changed is thrown only once all of that was handed
   * over: it would come again behind the snapshot that follows, and its old rows would stay.
   */
  async next(): Promise<ChangeBatch | undefined> {
    if (this.#failure !== undefined) throw this.#failure;
    const changes: Change[] = [];
    let sizeBytes = 0;
    let oldest = 0;
    try {
      while (changes.length < BATCH_CHANGES && sizeBytes < BATCH_BYTES) {
        const item = this.#parts.stream.take();
        if (item === undefined) break;
        if (item.kind === "heartbeat") this.#heard(item);
        else {
          const mapped = this.#changesOf(item.message);
          const more = mapped instanceof Promise ? await mapped : mapped;
          if (more.length === 0) continue;
          if (changes.length === 0) oldest = this.#committedAtMs;
          changes.push(...more);
          sizeBytes += item.bytes;
        }
      }
    } catch (error) {
      if (changes.length === 0 || !(error instanceof TablesChanged)) throw error;
      this.#failure = error;
    }
    return changes.length === 0 ? undefined : { changes, sizeBytes, lagMs: Math.max(0, Date.now() - oldest) };
  }

  /** So an idle database keeps no log for us because of tables that are none of ours. */
  #heard({ lsn, wantsAnswer }: Heartbeat): void {
    const { acknowledgements, mapper, stream } = this.#parts;
    if (!this.#isInTransaction) acknowledgements.reached(mapper.sequence, lsn);
    if (wantsAnswer) stream.report(false);
  }

  #changesOf(message: Pgoutput.Message): readonly Change[] | Promise<readonly Change[]> {
    const { mapper } = this.#parts;
    switch (message.tag) {
      case "begin":
        this.#begin(message);
        return [];
      case "commit":
        this.#commit(message);
        return [];
      case "relation":
        mapper.relation(message);
        return [];
      default:
        if (this.#isKnown) return [];
        return mapper.map(message) ?? (message.tag === "update" ? mapper.update(message) : []);
    }
  }

  #begin(message: Pgoutput.MessageBegin): void {
    this.#isInTransaction = true;
    this.#isKnown = parseLsn(message.commitLsn ?? "0/0") <= this.#parts.doneLsn;
    this.#committedAtMs = Number(message.commitTime.valueOf() / 1000n);
    this.#parts.mapper.begin(message);
  }

  #commit(message: Pgoutput.MessageCommit): void {
    const { acknowledgements, mapper } = this.#parts;
    this.#isInTransaction = false;
    this.#doneLsn = Math.max(this.#doneLsn, parseLsn(message.commitLsn ?? "0/0"));
    acknowledgements.reached(mapper.sequence, parseLsn(message.commitEndLsn ?? "0/0"));
  }
}
