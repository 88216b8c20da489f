/**
 * A bucket as a source: a model of it that listings keep up to date, and the differences between them as the live stream.
 *
 * A position is the name of the index on disk and the generation up to which the receiver has everything. After a
 * restart the stream hands over what differs from it; without the index, or when it is damaged, a snapshot follows.
 */
import {
  type AuditOptions,
  AvailabilityState,
  type BulkRows,
  bulkRows,
  type CallOptions,
  type ChangeBatch,
  describeError,
  type FsRow,
  type FustorError,
  type Logger,
  type MessageStream,
  type Row,
  Signal,
  type SnapshotOptions,
  type SourceAvailability,
  type SourceDriver,
  type SourceStatus,
  type StreamOptions,
  type Verified,
} from "fustor-agent/sdk";
import { batchesSince, batchOf, rootChange } from "./changes.ts";
import type { Client } from "./client.ts";
import { unavailable } from "./failures.ts";
import { Journal } from "./journal.ts";
import { Look } from "./look.ts";
import { Model } from "./model.ts";
import { requestsPerHour as costOf, notesOf } from "./notes.ts";
import { Poller } from "./poller.ts";
import { readIndex } from "./read-index.ts";
import { allRows, directoryRow, FIELDS } from "./rows.ts";

export interface S3SourceOptions {
  readonly uri: string;
  readonly prefix: string;
  readonly client: Client;
  readonly logger: Logger;
  readonly intervalMs: number;
  readonly parallel: number;
  readonly isWanted: (key: string) => boolean;
  readonly indexPath: string | undefined;
  /** What the index depends on: another one makes it worthless. */
  readonly scope: string;
}

/** A store refuses a clock that is further off, so times of objects and of the agent differ by less. */
const CLOCKS_APART_SEC = 900;

interface Position {
  readonly id: string;
  readonly generation: number;
}

const positionIn = (text: string | undefined): Position | undefined => {
  const [, id, generation] = /^([0-9a-f-]{36}):(\d+)$/.exec(text ?? "") ?? [];
  return id === undefined ? undefined : { id, generation: Number(generation) };
};

export class S3Source implements SourceDriver {
  readonly schema = "fs";
  readonly table = "files";
  readonly fields = FIELDS;
  readonly uri: string;
  readonly #options: S3SourceOptions;
  readonly #availability = new AvailabilityState();
  readonly #closed = new AbortController();
  /** A page came, or a listing ended. */
  readonly #pages = new Set<() => void>();
  readonly #news = new Signal();
  #model = new Model();
  #journal: Journal;
  #poller: Poller | undefined;
  #clock = 1;
  /** Everything up to this generation is in the model and in the index. */
  #settled = 0;
  /** What the stream has handed over. */
  #handedOver = Number.POSITIVE_INFINITY;

  constructor(options: S3SourceOptions) {
    this.#options = options;
    this.uri = options.uri;
    this.#journal = new Journal(options.indexPath, options.scope, options.logger);
  }

  readonly #next = (): number => ++this.#clock;

  async open(_options: CallOptions): Promise<void> {
    if (this.#poller !== undefined) return;
    const { client, logger, prefix, parallel, intervalMs, isWanted } = this.#options;
    await this.#recall();
    this.#poller = new Poller({
      ...{ client, logger, prefix, parallel, intervalMs, isWanted },
      model: this.#model,
      journal: this.#journal,
      onPage: () => this.#wakeReaders(),
      onEnd: (failure) => this.#listed(failure),
    });
    this.#poller.start();
  }

  /** The index of an earlier run, or a new one. */
  async #recall(): Promise<void> {
    const { indexPath, scope, logger } = this.#options;
    const found =
      indexPath === undefined
        ? undefined
        : await readIndex(indexPath, scope).catch((error: unknown) => {
            logger.warn({}, `the index of the bucket cannot be used, a snapshot follows: ${describeError(error)}`);
            return undefined;
          });
    if (found !== undefined) this.#model = found.model;
    this.#settled = this.#model.last;
    await this.#journal.begin(found);
  }

  #wakeReaders(): void {
    for (const wake of [...this.#pages]) wake();
  }

  #listed(failure: FustorError | undefined): void {
    if (failure === undefined) this.#availability.set({ state: "available" });
    else {
      const { current } = this.#availability;
      const isKnown = current.state === "unavailable" && current.reason === failure.message;
      if (!isKnown) this.#options.logger.warn({}, failure.message);
      this.#availability.set({ state: "unavailable", reason: failure.message });
    }
    this.#settled = this.#model.last;
    this.#model.forgetDeletes(this.#handedOver);
    this.#news.raise();
    this.#wakeReaders();
  }

  #position(generation: number): string | undefined {
    const { id } = this.#journal;
    return id === undefined ? undefined : `${id}:${generation}`;
  }

  getMessageIterator(_startPosition: number, { signal, position }: StreamOptions): MessageStream {
    const over = AbortSignal.any([signal, this.#closed.signal]);
    const asked = positionIn(position);
    const isHeld =
      asked !== undefined &&
      asked.id === this.#journal.id &&
      asked.generation >= this.#model.floor &&
      asked.generation <= this.#settled;
    if (isHeld)
      return { batches: this.#batches(asked.generation, over), positionLost: false, position: position ?? "" };
    // Before the first listing ended there is no place to name: the root's row will carry it.
    const begin = this.#poller?.isComplete === true ? this.#settled : undefined;
    const place = begin === undefined ? undefined : this.#position(begin);
    return {
      batches: this.#batches(begin, over),
      positionLost: true,
      ...(place === undefined ? {} : { position: place }),
    };
  }

  async *#batches(begin: number | undefined, signal: AbortSignal): AsyncGenerator<ChangeBatch, void, undefined> {
    let cursor = begin;
    try {
      while (!signal.aborted) {
        this.#handedOver = cursor ?? 0;
        const until = this.#settled;
        if (cursor === undefined && this.#poller?.isComplete === true) {
          cursor = until;
          yield* this.#beginning(until);
        } else if (cursor !== undefined && until > cursor) {
          yield* batchesSince(this.#model, cursor, this.#position(until), this.#next);
          cursor = until;
        } else await this.#news.wait(signal);
      }
    } finally {
      this.#handedOver = Number.POSITIVE_INFINITY;
    }
  }

  /** The snapshot shows everything up to here. */
  *#beginning(generation: number): Generator<ChangeBatch, void, undefined> {
    const position = this.#position(generation);
    const root = rootChange(this.#model, this.#next());
    if (position !== undefined && root !== undefined) yield batchOf([{ ...root, position }]);
  }

  getSnapshotIterator({ signal, strongSince }: SnapshotOptions): BulkRows {
    const over = AbortSignal.any([signal, this.#closed.signal]);
    return this.#bulk(this.#snapshot(over), { signal: over, strongSince });
  }

  #bulk(
    rows: AsyncIterable<Row>,
    { strongSince, ...options }: { signal: AbortSignal; strongSince: number | undefined; opened?: Promise<void> },
  ): BulkRows {
    const since = strongSince === undefined ? undefined : strongSince - CLOCKS_APART_SEC;
    const isStrong = since === undefined ? {} : { isStrong: (row: Row) => Number(row.created_time) >= since };
    const expected = this.#poller?.isComplete === true ? { expectedRows: this.#entries() } : {};
    return bulkRows(rows, { ...options, ...isStrong, ...expected, sequence: () => this.#clock });
  }

  #entries(): number {
    return this.#model.objects + this.#model.directories.size;
  }

  async *#snapshot(signal: AbortSignal): AsyncGenerator<FsRow, void, undefined> {
    const poller = this.#opened();
    if (this.#model.objects === 0 && !poller.isComplete) return yield* allRows(this.#model, this.#whileFilling(signal));
    if (!poller.isComplete) await poller.current(signal);
    const { current } = this.#availability;
    if (current.state === "unavailable") throw unavailable(current.reason);
    yield* allRows(this.#model, async () => false);
  }

  #opened(): Poller {
    if (this.#poller === undefined) throw unavailable("the source is not open");
    return this.#poller;
  }

  /** The first listing of all hands its objects over as they come. */
  #whileFilling(signal: AbortSignal): () => Promise<boolean> {
    let state: "running" | "ended" | "told" = "running";
    let failure: unknown;
    const listed = this.#opened()
      .current(signal)
      .catch((error: unknown) => {
        failure = error;
      })
      .then(() => {
        state = "ended";
      });
    return async () => {
      if (state === "running") await Promise.race([listed, this.#page()]);
      if (failure !== undefined) throw failure;
      if (state === "told") return false;
      if (state === "ended") state = "told";
      return true;
    };
  }

  #page(): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        this.#pages.delete(wake);
        resolve();
      };
      this.#pages.add(wake);
    });
  }

  getAuditIterator({ signal, opened, strongSince }: AuditOptions): BulkRows {
    const over = AbortSignal.any([signal, this.#closed.signal]);
    return this.#bulk(this.#audit(over), { signal: over, strongSince, opened });
  }

  /** By a listing of its own, so what a lost index does not know is removed, too. */
  async *#audit(signal: AbortSignal): AsyncGenerator<FsRow, void, undefined> {
    const root = this.#model.directories.get("");
    if (root !== undefined) yield directoryRow("", root);
    await this.#opened().next(signal);
    yield* allRows(this.#model, async () => false);
  }

  async verify(keys: readonly string[], { signal }: CallOptions): Promise<readonly Verified[]> {
    const { client, prefix, isWanted } = this.#options;
    const look = new Look({ client, prefix, isWanted, model: this.#model });
    const found: Verified[] = [];
    for (const key of keys) {
      const verified = await look.at(key, AbortSignal.any([signal, this.#closed.signal]));
      if (verified !== undefined) found.push(verified);
    }
    if (look.isDifferent) this.#poller?.poke();
    return found;
  }

  status(): SourceStatus {
    const { client, intervalMs } = this.#options;
    const last = this.#poller?.last;
    const perHour = last === undefined ? undefined : costOf(last.requests, Math.max(intervalMs, last.elapsedMs));
    return {
      availability: this.#availability.current,
      entries: this.#entries(),
      objects: this.#model.objects,
      ...(last === undefined ? {} : { listing: { ...last, requestsPerHour: perHour } }),
      requests: client.requests,
      slowDowns: client.slowDowns,
      notes: notesOf({ client, last, intervalMs, perHour }),
    };
  }

  onAvailability(listener: (availability: SourceAvailability) => void): () => void {
    return this.#availability.listen(listener);
  }

  async close(): Promise<void> {
    this.#closed.abort();
    this.#availability.close();
    await this.#poller?.close();
    await this.#journal.close();
  }
}
