/**
 * A database of MySQL or MariaDB as a source.
 *
 * The server's log is the queue, and a position in it says what the receivers have (places.ts). After a crash of the
 * agent, of the server or of the network between them the stream begins again there, and changes may come twice. A
 * snapshot is read beside the stream, and where each of its pages lies in the log is known exactly (snapshot.ts); so each
 * key converges, whichever of the two comes first.
 */
import {
  type BulkRows,
  type CallOptions,
  type Change,
  type ChangeBatch,
  type FustorError,
  type Logger,
  type MessageStream,
  Signal,
  type SnapshotOptions,
  type SourceAvailability,
  type SourceDriver,
  type SourceStatus,
  type SourceStore,
  type StreamOptions,
} from "fustor-agent/sdk";
import { nextBatch } from "./batcher.ts";
import { BinlogStream } from "./binlog-stream.ts";
import { Clock } from "./clock.ts";
import type { Client } from "./connect.ts";
import { Database, type Ready } from "./database.ts";
import { isGone, PositionGone, unavailable } from "./failures.ts";
import { gtidsIn, Progress } from "./gtid.ts";
import { LogReader } from "./log-reader.ts";
import { Outstanding } from "./outstanding.ts";
import type { Params, Target } from "./params.ts";
import { Places } from "./places.ts";
import { PATH } from "./rows.ts";
import { currentPosition, logPlace, type Server } from "./server.ts";
import { snapshotOf } from "./snapshot.ts";

/** `open` does not wait longer for a server: it is a state that it is away. */
const OPEN_MS = 10_000;

export interface MysqlSourceOptions {
  readonly id: string;
  readonly uri: string;
  readonly target: Target;
  readonly readerId: number;
  readonly params: Params;
  readonly logger: Logger;
  readonly store?: SourceStore;
}

/** Rows differ that no change has touched. */
class NeedsSnapshot extends Error {
  override readonly name = "NeedsSnapshot";
}

export class MysqlSource implements SourceDriver {
  readonly schema: string;
  readonly table = "tables";
  readonly uri: string;
  readonly #options: MysqlSourceOptions;
  readonly #outstanding: Outstanding;
  readonly #closed = new AbortController();
  readonly #clock = new Clock();
  readonly #places: Places;
  /** An acknowledgement came. */
  readonly #room = new Signal();
  readonly #database: Database;

  constructor(options: MysqlSourceOptions) {
    this.#options = options;
    this.#outstanding = new Outstanding(options.params.max_unacknowledged);
    this.#places = new Places(options.store, options.id);
    const { target, params, logger } = options;
    const onReady = (client: Client, server: Server): Promise<void> => this.#fixBegin(client, server);
    this.#database = new Database({ target, tables: params.tables, logger, onReady });
    this.schema = options.target.database;
    this.uri = options.uri;
  }

  /** Of the first table: those of the others stand with their rows. */
  get fields(): readonly string[] {
    const [first] = this.#database.catalog?.tables.values() ?? [];
    return [PATH, ...(first?.columns.map(({ member }) => member) ?? [])];
  }

  async open({ signal }: CallOptions): Promise<void> {
    const over = AbortSignal.any([signal, this.#closed.signal, AbortSignal.timeout(OPEN_MS)]);
    await this.#database.prepare(over).catch(() => undefined);
  }

  /** Before any snapshot that follows is begun. */
  async #fixBegin(client: Client, server: Server): Promise<void> {
    if (this.#places.at !== undefined) return;
    this.#places.begin(await currentPosition(client, server));
    this.#clock.begin(await logPlace(client, server));
  }

  getMessageIterator(_startPosition: number, { signal, position }: StreamOptions): MessageStream {
    const over = AbortSignal.any([signal, this.#closed.signal]);
    const positionLost = this.#places.open(position);
    const begin = this.#places.told;
    const batches = this.#batches(over);
    return begin === undefined ? { batches, positionLost } : { batches, positionLost, position: begin };
  }

  async *#batches(signal: AbortSignal): AsyncGenerator<ChangeBatch, void, undefined> {
    const ended = new AbortController();
    const over = AbortSignal.any([signal, ended.signal]);
    try {
      const ready = await this.#database.ready(over);
      const begin = this.#places.at ?? "";
      const gtids = gtidsIn(begin, ready.server.flavor);
      if (gtids === undefined) throw new PositionGone("the position is that of another kind of server");
      const stream = await this.#beginStream(gtids, over);
      try {
        yield* this.#changes(ready, stream, new Progress(ready.server.flavor, gtids), over);
      } finally {
        stream.close();
      }
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof NeedsSnapshot) throw unavailable(error.message);
      throw isGone(error) ? await this.#gone(error, signal) : this.#database.failed(error, signal);
    } finally {
      ended.abort();
    }
  }

  /** The server is there; what it has forgotten, only a snapshot can make up for. */
  async #gone(error: unknown, signal: AbortSignal): Promise<FustorError> {
    const reason = error instanceof Error ? error.message : String(error);
    this.#options.logger.warn(
      { reason },
      "the server's log does not go back to where the stream was: a snapshot follows",
    );
    this.#places.lose();
    await this.#database.prepare(signal).catch(() => undefined);
    return unavailable(`the log of ${this.#options.target.place} does not go back far enough: ${reason}`);
  }

  async #beginStream(gtids: string, signal: AbortSignal): Promise<BinlogStream> {
    const { target, readerId, params } = this.#options;
    const { config, database } = target;
    const tables = params.tables === undefined ? {} : { tables: params.tables };
    const stream = new BinlogStream({ config, database, readerId, gtids, ...tables });
    try {
      await stream.begin(signal);
      return stream;
    } catch (error) {
      stream.close();
      throw error;
    }
  }

  async *#changes(
    { client, catalog }: Ready,
    stream: BinlogStream,
    progress: Progress,
    signal: AbortSignal,
  ): AsyncGenerator<ChangeBatch, void, undefined> {
    const { target, params, logger } = this.#options;
    const every = params.tables === undefined;
    const reader = new LogReader({ database: target.database, catalog, every, progress, clock: this.#clock });
    const parts = { stream, reader, readCatalog: () => this.#database.readCatalog(client) };
    while (!signal.aborted) {
      const batch = await nextBatch(parts);
      const at = reader.position;
      if (batch !== undefined) {
        const { changes, sizeBytes: bytes } = batch;
        const { sequence, position: told = at } = changes.at(-1) as Change;
        // A run that ends before the snapshot has begun leaves it to the next one, which meets its reason again.
        const stretch = { told, at: reader.wanted === undefined ? at : told };
        this.#outstanding.handedOver({ sequence, changes: changes.length, bytes, stretch });
        yield batch;
        // Not before: what is not taken at the yield is not handed over.
        this.#places.reach(at, told);
      } else {
        const stretch = this.#places.reach(at, undefined);
        if (this.#outstanding.changes === 0 && reader.wanted === undefined) this.#places.accepted(stretch);
      }
      if (reader.wanted !== undefined) {
        logger.info({}, `${reader.wanted}: a snapshot follows`);
        this.#places.needSnapshot();
        throw new NeedsSnapshot(reader.wanted);
      }
      if (batch === undefined) await stream.wait(signal);
      else await this.#untilRoom(signal);
    }
  }

  /** The server keeps what the receivers have no room for. */
  async #untilRoom(signal: AbortSignal): Promise<void> {
    while (this.#outstanding.isFull && !signal.aborted) await this.#room.wait(signal);
  }

  acknowledged({ sequence }: Change): void {
    const stretch = this.#outstanding.accepted(sequence);
    if (stretch !== undefined) this.#places.accepted(stretch);
    this.#room.raise();
  }

  getSnapshotIterator({ signal }: SnapshotOptions): BulkRows {
    const over = AbortSignal.any([signal, this.#closed.signal]);
    const { target, logger } = this.#options;
    return snapshotOf({
      config: target.config,
      database: target.database,
      prepare: () => this.#database.prepare(over),
      readCatalog: (client) => this.#database.readCatalog(client),
      sequenceAt: (place) => this.#clock.at(place),
      failure: (error) => this.#database.failed(error, over),
      logger,
      signal: over,
    });
  }

  status(): SourceStatus {
    const notes = this.#database.catalog?.notes ?? [];
    return {
      availability: this.#database.availability.current,
      server: this.#database.server?.version,
      position: this.#places.at,
      server_id: this.#options.readerId,
      unacknowledged: this.#outstanding.changes,
      tables: [...(this.#database.catalog?.tables.keys() ?? [])],
      ...(notes.length === 0 ? {} : { notes }),
    };
  }

  onAvailability(listener: (availability: SourceAvailability) => void): () => void {
    return this.#database.availability.listen(listener);
  }

  async close(): Promise<void> {
    this.#closed.abort();
    await this.#database.close();
    this.#places.close();
  }
}
