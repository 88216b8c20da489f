/**
 * A PostgreSQL database as a source.
 *
 * The slot keeps every change until the receivers of all pipes have accepted it, so a crash of the agent, of the server or
 * of the network between them costs nothing: the stream begins again where the receivers are, and changes may come
 * twice. Nothing is kept on this machine. A snapshot is read beside the stream, and where it lies in the stream is known
 * exactly (snapshot.ts); so each key converges, whichever of the two comes first.
 */
import {
  AvailabilityState,
  type BulkRows,
  type CallOptions,
  type Change,
  type ChangeBatch,
  FustorError,
  type Logger,
  type MessageStream,
  Signal,
  type SnapshotOptions,
  type SourceAvailability,
  type SourceDriver,
  type SourceStatus,
} from "fustor-agent/sdk";
import type pg from "pg";
import { Acknowledgements } from "./acknowledgements.ts";
import { Batcher } from "./batcher.ts";
import { ChangeMapper, TablesChanged } from "./change-mapper.ts";
import { connect, disconnect } from "./connect.ts";
import { codeOf, serverFailure, unavailable } from "./failures.ts";
import type { Params, Target } from "./params.ts";
import { columnReader } from "./read-columns.ts";
import { ReplicationStream } from "./replication.ts";
import { ensureSlot, readSlot, type SlotFacts } from "./slot.ts";
import { snapshotOf } from "./snapshot.ts";
import { type Catalog, PATH, readCatalog } from "./tables.ts";

/** `open` does not wait longer for a server: it is a state that it is away. */
const OPEN_MS = 10_000;
/** Half of what the bus holds for a pipe unless it is configured otherwise: it never has to drop anything. */
const MOST_BYTES = 32 << 20;
const LOOK_AT_SLOT_MS = 30_000;
/** After a SIGKILL the server needs a moment to notice that no process reads the slot any more. */
const BUSY_SLOT_MS = 15_000;
const BUSY_SLOT_PAUSE_MS = 200;
const SLOT_IS_BUSY = "55006";

export interface PostgresSourceOptions {
  readonly uri: string;
  readonly target: Target;
  readonly slot: string;
  readonly params: Params;
  readonly logger: Logger;
}

export class PostgresSource implements SourceDriver {
  readonly schema: string;
  readonly table: string;
  readonly uri: string;
  readonly #options: PostgresSourceOptions;
  readonly #availability = new AvailabilityState();
  readonly #acknowledgements = new Acknowledgements();
  readonly #closed = new AbortController();
  /** An acknowledgement came. */
  readonly #room = new Signal();
  #catalog: Catalog | undefined;
  /** Changes before the slot was made are in no stream: a snapshot has to follow. */
  #isPositionLost = true;
  /** Of the last change that was handed over, and the place of the last transaction that was, whole. */
  #sequence = 0;
  #doneLsn = 0;
  /** The slot was made since the stream was opened last. Another server's log may have come to fewer bytes than the old. */
  #isSlotNew = false;
  readonly #looks = new Set<string>();
  #slotFacts: SlotFacts | undefined;
  #hasWarned = false;
  #preparing: Promise<unknown> = Promise.resolve();

  constructor(options: PostgresSourceOptions) {
    this.#options = options;
    this.schema = options.target.database;
    this.table = options.params.publication;
    this.uri = options.uri;
  }

  /** Of the first table: those of the others stand with their rows. */
  get fields(): readonly string[] {
    return [PATH, ...(this.#catalog?.tables[0]?.columns.map(({ member }) => member) ?? [])];
  }

  async open({ signal }: CallOptions): Promise<void> {
    const over = AbortSignal.any([signal, this.#closed.signal, AbortSignal.timeout(OPEN_MS)]);
    await this.#prepare(over).catch(() => undefined);
  }

  /** One after the other: two would make the slot twice. */
  #prepare(signal: AbortSignal): Promise<void> {
    const mine = this.#preparing.then(async () => {
      const client = await this.#ready(signal);
      disconnect(client);
    });
    this.#preparing = mine.catch(() => undefined);
    return mine;
  }

  /** A client of a server on which everything is as it has to be, the slot included. */
  async #ready(signal: AbortSignal): Promise<pg.Client> {
    const { target, slot, logger } = this.#options;
    let client: pg.Client | undefined;
    try {
      client = await connect(target.config, signal);
      this.#catalog = await this.#readCatalog(client);
      if (await ensureSlot(client, slot)) {
        logger.info({ slot }, "a replication slot was made: a snapshot follows");
        this.#isPositionLost = true;
        this.#isSlotNew = true;
        this.#acknowledgements.forget();
      } else if (this.#availability.current.state === "starting") this.#isPositionLost = false;
      this.#slotFacts = await readSlot(client, slot);
      this.#availability.set({ state: "available" });
      return client;
    } catch (error) {
      if (client !== undefined) disconnect(client);
      throw this.#failed(error, signal);
    }
  }

  #readCatalog(client: pg.Client): Promise<Catalog> {
    const { publication, tables } = this.#options.params;
    return readCatalog(client, { publication, tables });
  }

  /** The failure as the contract names it; the source is away from here on, unless the call was cancelled. */
  #failed(error: unknown, signal: AbortSignal): FustorError {
    if (signal.aborted) return new FustorError("FUSTOR_ABORTED", "the call was cancelled");
    const failure = serverFailure(this.#options.target.place, error);
    this.#unavailable(failure.message);
    return failure;
  }

  #unavailable(reason: string): void {
    const { current } = this.#availability;
    if (current.state === "unavailable" && current.reason === reason) return;
    this.#options.logger.warn({}, reason);
    this.#availability.set({ state: "unavailable", reason });
  }

  getMessageIterator(_startPosition: number, { signal }: CallOptions): MessageStream {
    const over = AbortSignal.any([signal, this.#closed.signal]);
    const positionLost = this.#isPositionLost;
    return { batches: this.#batches(over, positionLost), positionLost };
  }

  async *#batches(signal: AbortSignal, isAnnounced: boolean): AsyncGenerator<ChangeBatch, void, undefined> {
    const ended = new AbortController();
    const over = AbortSignal.any([signal, ended.signal]);
    try {
      await this.#preparing;
      const client = await this.#ready(over);
      if (this.#isPositionLost && !isAnnounced) throw unavailable("the slot keeps nothing of what was before");
      this.#isPositionLost = false;
      if (this.#isSlotNew) this.#doneLsn = 0;
      this.#isSlotNew = false;
      const stream = await this.#beginStream(over);
      const timer = setInterval(() => void this.#lookAtSlot(client), LOOK_AT_SLOT_MS);
      try {
        yield* this.#changes(client, stream, over);
      } finally {
        clearInterval(timer);
        stream.close();
      }
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof TablesChanged) {
        // Rows that were not touched look different, too: only a snapshot shows them.
        this.#isPositionLost = true;
        this.#options.logger.info({}, `${error.message}: a snapshot follows`);
        throw unavailable(error.message);
      }
      throw this.#failed(error, signal);
    } finally {
      ended.abort();
    }
  }

  async #beginStream(signal: AbortSignal): Promise<ReplicationStream> {
    const { target, slot, params } = this.#options;
    const deadline = performance.now() + BUSY_SLOT_MS;
    for (;;) {
      const client = await connect(target.config, signal, { replication: true });
      const stream = new ReplicationStream(client, () => this.#acknowledgements.durableLsn);
      try {
        await stream.begin(slot, params.publication);
        return stream;
      } catch (error) {
        stream.close();
        disconnect(client);
        if (codeOf(error) !== SLOT_IS_BUSY || performance.now() > deadline || signal.aborted) throw error;
        await pause(BUSY_SLOT_PAUSE_MS, signal);
      }
    }
  }

  /** Batches as they come; a transaction may be in several. */
  async *#changes(
    client: pg.Client,
    stream: ReplicationStream,
    signal: AbortSignal,
  ): AsyncGenerator<ChangeBatch, void, undefined> {
    const mapper = new ChangeMapper(this.#catalog as Catalog, {
      every: this.#options.params.tables === undefined,
      readColumns: columnReader(client),
      sequence: this.#sequence,
      looks: this.#looks,
    });
    const acknowledgements = this.#acknowledgements;
    acknowledgements.resume(this.#sequence);
    const batcher = new Batcher({ stream, mapper, acknowledgements, doneLsn: this.#doneLsn });
    while (!signal.aborted) {
      const batch = await batcher.next();
      this.#sequence = mapper.sequence;
      if (batch === undefined) await stream.wait(signal);
      else {
        const { changes, sizeBytes: bytes } = batch;
        acknowledgements.handedOver({ sequence: mapper.sequence, changes: changes.length, bytes });
        yield batch;
        await this.#untilRoom(signal);
      }
      // Not before: what is not taken at the yield is not handed over.
      this.#doneLsn = batcher.doneLsn;
    }
  }

  /** The server keeps what the receivers have no room for. */
  async #untilRoom(signal: AbortSignal): Promise<void> {
    const { max_unacknowledged: most } = this.#options.params;
    const isFull = (): boolean => {
      const { changes, bytes } = this.#acknowledgements.unacknowledged;
      return changes >= most || bytes >= MOST_BYTES;
    };
    while (isFull() && !signal.aborted) await this.#room.wait(signal);
  }

  acknowledged({ sequence }: Change): void {
    this.#acknowledgements.accepted(sequence);
    this.#room.raise();
  }

  getSnapshotIterator({ signal }: SnapshotOptions): BulkRows {
    const over = AbortSignal.any([signal, this.#closed.signal]);
    return snapshotOf({
      config: this.#options.target.config,
      prepare: () => this.#prepare(over),
      readCatalog: (client) => this.#readCatalog(client),
      failure: (error) => this.#failed(error, over),
      signal: over,
    });
  }

  async #lookAtSlot(client: pg.Client): Promise<void> {
    const { slot, params, logger } = this.#options;
    try {
      this.#slotFacts = await readSlot(client, slot);
    } catch {
      // The stream hears of a lost connection by itself.
      return;
    }
    const note = this.#slotNote();
    if (note !== undefined && !this.#hasWarned) logger.warn({ slot, limitMb: params.warn_wal_mb }, note);
    this.#hasWarned = note !== undefined;
  }

  #slotNote(): string | undefined {
    const { name, retainedBytes = 0, walStatus } = this.#slotFacts ?? {};
    const megabytes = Math.round(retainedBytes / 2 ** 20);
    if (walStatus === "unreserved" || walStatus === "lost") {
      return `the server is about to give up the slot ${name}, which holds ${megabytes} MB: raise max_slot_wal_keep_size`;
    }
    if (megabytes < this.#options.params.warn_wal_mb) return undefined;
    return `the server keeps ${megabytes} MB of its log for the slot ${name}: the receivers are behind`;
  }

  status(): SourceStatus {
    const note = this.#slotNote();
    return {
      availability: this.#availability.current,
      slot: { name: this.#options.slot, ...this.#slotFacts },
      unacknowledged: this.#acknowledgements.unacknowledged.changes,
      tables: this.#catalog?.tables.map(({ label }) => label) ?? [],
      ...(note === undefined ? {} : { notes: [note] }),
    };
  }

  onAvailability(listener: (availability: SourceAvailability) => void): () => void {
    return this.#availability.listen(listener);
  }

  async close(): Promise<void> {
    this.#closed.abort();
    this.#availability.close();
    await this.#preparing;
  }
}

function pause(delayMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, delayMs);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      resolve();
    });
  });
}
