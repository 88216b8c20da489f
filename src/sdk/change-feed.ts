/**
 * Between a driver that learns of changes whenever they happen and a pipe that pulls them: a queue with a bound. When it
 * is full the stream fails and the changes are gone; the pipe opens it again, and a snapshot makes up for them.
 */
import type { Change, ChangeBatch } from "./changes.ts";
import { FustorError } from "./errors.ts";
import { Signal } from "./signal.ts";
import type { CallOptions, MessageStream } from "./source-driver.ts";

export interface ChangeFeedOptions {
  /** Changes that may wait. Default 10,000. */
  readonly maxChanges?: number;
  /** Changes of a batch. Default 500. */
  readonly batchChanges?: number;
}

interface Waiting {
  readonly change: Change;
  readonly sizeBytes: number;
  readonly since: number;
}

export class ChangeFeed {
  readonly #maxChanges: number;
  readonly #batchChanges: number;
  readonly #news = new Signal();
  readonly #closed = new AbortController();
  #waiting: Waiting[] = [];
  #isStreaming = false;
  #failure: FustorError | undefined;

  constructor({ maxChanges = 10_000, batchChanges = 500 }: ChangeFeedOptions = {}) {
    this.#maxChanges = maxChanges;
    this.#batchChanges = batchChanges;
  }

  /** Changes before the first stream need not be kept: a snapshot follows it. */
  add(change: Change): void {
    if (!this.#isStreaming || this.#failure !== undefined) return;
    if (this.#waiting.length >= this.#maxChanges) {
      this.#waiting = [];
      this.fail(
        new FustorError("FUSTOR_SOURCE_UNAVAILABLE", `more than ${this.#maxChanges} changes were waiting`, {
          retryable: true,
        }),
      );
      return;
    }
    const sizeBytes = JSON.stringify(change.row).length;
    this.#waiting.push({ change, sizeBytes, since: performance.now() });
    this.#news.raise();
  }

  /** Ends the stream with an error: the pipe opens it again. */
  fail(error: FustorError): void {
    this.#failure = error;
    this.#news.raise();
  }

  /**
   * The driver's `getMessageIterator`. One at a time. Without `start` it is that of a source that keeps no history: every
   * position is lost. A source that goes on at a position says so, and adds the changes since then afterwards.
   */
  stream({ signal }: CallOptions, start: Omit<MessageStream, "batches"> = { positionLost: true }): MessageStream {
    this.#isStreaming = true;
    this.#failure = undefined;
    this.#waiting = [];
    return { ...start, batches: this.#batches(signal) };
  }

  async *#batches(signal: AbortSignal): AsyncGenerator<ChangeBatch, void, undefined> {
    const over = AbortSignal.any([signal, this.#closed.signal]);
    try {
      while (!over.aborted) {
        if (this.#failure !== undefined) throw this.#failure;
        const taken = this.#waiting.splice(0, this.#batchChanges);
        if (taken.length === 0) await this.#news.wait(over);
        else yield batchOf(taken);
      }
    } finally {
      this.#isStreaming = false;
      this.#waiting = [];
    }
  }

  /** Ends the stream. For `close`. */
  close(): void {
    this.#closed.abort();
  }
}

function batchOf(taken: readonly Waiting[]): ChangeBatch {
  return {
    changes: taken.map(({ change }) => change),
    sizeBytes: taken.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
    lagMs: Math.max(0, performance.now() - (taken[0]?.since ?? 0)),
  };
}
