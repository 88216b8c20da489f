/**
 * The file system source: one watch engine per root. Live changes and snapshot rows come from the same tree table, so the two agree
 * about what was seen when (see native/src/watch/watch_engine.h).
 */
import type { Addon, NativeWatch, WatchStatus } from "../../native/addon.ts";
import { rowChunks } from "../../native/bulk.ts";
import {
  type BulkRows,
  type CallOptions,
  describeError,
  FustorError,
  type MessageStream,
  type RowChunk,
  type SourceAvailability,
  type SourceDriver,
  type SourceDriverContext,
  type SourceStatus,
} from "../../sdk/index.ts";
import { coverageNotes } from "./coverage-notes.ts";
import type { FsSourceOptions } from "./fs-config.ts";
import { type ParcelHints, startParcelHints } from "./parcel-hints.ts";
import { Doorbell, liveBatches } from "./realtime.ts";

const ROW_FIELDS = ["path", "file_name", "size", "modified_time", "created_time", "is_directory"] as const;

export class FsSource implements SourceDriver {
  readonly schema = "fs";
  readonly table = "files";
  readonly fields = ROW_FIELDS;
  readonly uri: string;
  readonly #context: SourceDriverContext;
  readonly #options: FsSourceOptions;
  readonly #watch: NativeWatch;
  readonly #doorbell = new Doorbell();
  readonly #listeners = new Set<(availability: SourceAvailability) => void>();
  readonly #closed = new AbortController();
  #availability: SourceAvailability = { state: "starting" };
  #hints: ParcelHints | undefined;

  constructor(context: SourceDriverContext, options: FsSourceOptions, addon: Addon) {
    this.#context = context;
    this.#options = options;
    this.uri = options.root;
    this.#watch = addon.createWatch(
      options.root,
      {
        filePattern: options.filePattern,
        exclude: options.exclude,
        excludePaths: options.excludePaths,
        crossMounts: options.crossMounts,
        threads: options.scanThreads,
        throttleMs: options.throttleMs,
        mode: options.engine === "parcel" ? "poll" : options.engine,
        maxWatches: options.maxWatches,
        pollMs: options.pollMs,
      },
      () => this.#onReadable(),
    );
  }

  async open(_options?: CallOptions): Promise<void> {
    const { root, engine, excludePaths } = this.#options;
    this.#context.logger.info({ root, engine }, "watching");
    if (engine === "parcel") this.#followParcel(root, excludePaths);
    this.#watch.start();
  }

  /** Without its root the watcher cannot start: it begins anew whenever the root has come back. */
  #followParcel(root: string, excludePaths: readonly string[]): void {
    const { logger } = this.#context;
    const follow = async (): Promise<void> => {
      await this.#hints?.stop();
      this.#hints = undefined;
      if (this.#closed.signal.aborted || this.#availability.state !== "available") return;
      this.#hints = await startParcelHints(root, excludePaths, this.#watch, logger);
      // What happened between the first listing and this moment nobody told.
      this.#watch.resync("@parcel/watcher began");
    };
    let turn = Promise.resolve();
    this.onAvailability(() => {
      turn = turn.then(follow).catch((error: unknown) => logger.warn({ root }, describeError(error)));
    });
  }

  getMessageIterator(_startPosition: number, { signal }: CallOptions): MessageStream {
    const ended = AbortSignal.any([signal, this.#closed.signal]);
    // A watch knows nothing of the time before it: history always needs a look at the tree.
    return { batches: liveBatches(this.#watch, this.#doorbell, ended), positionLost: true };
  }

  getSnapshotIterator({ signal }: CallOptions): BulkRows {
    let rows = 0;
    const expected = this.#watch.rootState().root === "available" ? this.#watch.status().entries : undefined;
    const counted = async function* (chunks: AsyncIterable<RowChunk>): AsyncGenerator<RowChunk> {
      for await (const chunk of chunks) {
        rows += chunk.rowCount;
        yield chunk;
      }
    };
    return {
      chunks: counted(this.#snapshotChunks(AbortSignal.any([signal, this.#closed.signal]))),
      progress: () => (expected === undefined ? { rows } : { rows, expectedRows: expected }),
    };
  }

  async *#snapshotChunks(signal: AbortSignal): AsyncGenerator<RowChunk> {
    const { state } = this.#availability;
    if (state === "unavailable") throw this.#unavailable(this.#availability.reason);
    const stream = this.#watch.openSnapshot({});
    try {
      yield* rowChunks(stream, signal);
    } catch (error) {
      throw this.#unavailable("the root went away during the snapshot", error);
    }
    if (signal.aborted) throw new FustorError("FUSTOR_ABORTED", "the snapshot was cancelled");
    if (!stream.summary().complete) throw this.#unavailable("the tree could not be read to its end");
  }

  #unavailable(reason: string, cause?: unknown): FustorError {
    const message = `${this.#options.root}: ${reason}`;
    return new FustorError("FUSTOR_SOURCE_UNAVAILABLE", message, { retryable: true, cause });
  }

  status(): SourceStatus {
    const status = this.#watch.status();
    const { root, reason, ...facts } = status;
    const notes = coverageNotes(status);
    return { ...facts, notes, engine: this.#options.engine, availability: availabilityOf(root, reason) };
  }

  onAvailability(listener: (availability: SourceAvailability) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async close(): Promise<void> {
    this.#closed.abort();
    this.#listeners.clear();
    await this.#hints?.stop();
    await this.#watch.close();
  }

  #onReadable(): void {
    this.#doorbell.ring();
    const { root, reason } = this.#watch.rootState();
    const now = availabilityOf(root, reason);
    const before = this.#availability;
    if (now.state === before.state && describe(now) === describe(before)) return;
    this.#availability = now;
    if (now.state === "unavailable") this.#context.logger.warn({ root: this.#options.root }, now.reason);
    else this.#context.logger.info({ root: this.#options.root }, `the source is ${now.state}`);
    if (now.state === "available") this.#logCoverage();
    for (const listener of this.#listeners) listener(now);
  }

  #logCoverage(): void {
    const { root } = this.#options;
    for (const note of coverageNotes(this.#watch.status())) this.#context.logger.info({ root }, note);
  }
}

const describe = (availability: SourceAvailability): string =>
  availability.state === "unavailable" ? availability.reason : "";

const availabilityOf = (root: WatchStatus["root"], reason: string): SourceAvailability =>
  root === "unavailable" ? { state: "unavailable", reason } : { state: root };
