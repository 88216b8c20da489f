/**
 * When the watch writes a checkpoint, and what becomes of it. A checkpoint counts once a pipe has noted that its receiver
 * accepted everything that is in it; until then the one before counts, with the journal of both. Pure but for its watch:
 * `tick` is called again and again, and each call begins one thing at most.
 */
import { randomUUID } from "node:crypto";
import type { JournalStatus, NativeWatch } from "../../native/watch.ts";
import type { Logger } from "../../sdk/index.ts";

/** A checkpoint that takes longer is given up: the next one is tried after the interval. */
const WRITE_MS = 120_000;
/** The first one of a run is tried again so soon: the tree may not have been walked to its end yet. */
const FIRST_RETRY_MS = 2_000;

export interface CheckpointRules {
  /** 0 = never. */
  readonly everyMs: number;
  /** A journal that grows beyond it asks for a checkpoint; beyond twice as much there is no index any more. */
  readonly journalBytes: number;
}

export interface CheckpointParts {
  readonly watch: Pick<NativeWatch, "writeCheckpoint" | "keepCheckpoint" | "dropCheckpoints" | "journalStatus">;
  readonly path: string;
  readonly rules: CheckpointRules;
  readonly logger: Logger;
  readonly now: () => number;
}

export class Checkpoints {
  readonly #parts: CheckpointParts;
  #isBusy = false;
  #closed = false;
  #triedAt = Number.NEGATIVE_INFINITY;
  #hasWritten = false;
  /** Of the journal when the last one was written. */
  #bytes = 0;
  /** To be kept once nothing else is under way. */
  #toKeep: string | undefined;
  #said = "";

  constructor(parts: CheckpointParts) {
    this.#parts = parts;
    // A run that goes on from an earlier one has a checkpoint already.
    if (parts.watch.journalStatus().kept !== "") this.#triedAt = parts.now();
  }

  /** A pipe has noted that its receiver accepted everything of this one. */
  kept(generation: string): void {
    this.#toKeep = generation;
    this.tick();
  }

  tick(): void {
    if (this.#isBusy || this.#closed) return;
    const status = this.#parts.watch.journalStatus();
    this.#say(status.trouble);
    const step = this.#next(status);
    if (step === undefined) return;
    this.#isBusy = true;
    void step().finally(() => {
      this.#isBusy = false;
      if (this.#toKeep !== undefined) this.tick();
    });
  }

  close(): void {
    this.#closed = true;
  }

  #next(status: JournalStatus): (() => Promise<void>) | undefined {
    const { watch, rules, now } = this.#parts;
    const toKeep = this.#toKeep;
    this.#toKeep = undefined;
    if (toKeep !== undefined && toKeep === status.next) return () => this.#keep(toKeep);
    if (status.bytes > 2 * rules.journalBytes) {
      const reason = "the names that came and went since the last checkpoint are too many";
      return async () => void (await watch.dropCheckpoints(reason));
    }
    const age = now() - this.#triedAt;
    const isFull = status.bytes > rules.journalBytes;
    // One whose rows are still on their way stands for the changes since, too: they are in the journal.
    if (status.next !== "" && !isFull) return undefined;
    const isFirst = status.kept === "" && !this.#hasWritten;
    if (age < (isFirst || isFull ? Math.min(FIRST_RETRY_MS, rules.everyMs) : rules.everyMs)) return undefined;
    return isFirst || isFull || !this.#hasWritten || status.bytes !== this.#bytes ? () => this.#write() : undefined;
  }

  async #write(): Promise<void> {
    const { watch, path, logger, now } = this.#parts;
    this.#triedAt = now();
    const { reason, entries, bytes } = await watch.writeCheckpoint(path, randomUUID(), WRITE_MS);
    const tookMs = Math.round(now() - this.#triedAt);
    if (reason === "") logger.debug({ entries, bytes, tookMs }, "a checkpoint of the index was written");
    else logger.debug({ tookMs }, `no checkpoint of the index: ${reason}`);
    if (reason !== "") return;
    this.#hasWritten = true;
    this.#bytes = watch.journalStatus().bytes;
  }

  async #keep(generation: string): Promise<void> {
    const { watch, logger } = this.#parts;
    const reason = await watch.keepCheckpoint(generation);
    if (reason !== "") logger.warn({}, `the checkpoint of the index does not count: ${reason}`);
    this.#bytes = watch.journalStatus().bytes;
  }

  /** Once for each trouble. */
  #say(trouble: string): void {
    if (trouble !== "" && trouble !== this.#said)
      this.#parts.logger.warn({ file: this.#parts.path }, `after a kill the next start sends everything: ${trouble}`);
    this.#said = trouble;
  }
}
