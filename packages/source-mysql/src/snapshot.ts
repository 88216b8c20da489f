/**
 * All rows, page by page in the order of their keys, each page as of a moment that has a place in the log: every
 * transaction is either in its rows or after that place in the stream, never both and never neither.
 *
 * A transaction that stays open for long makes the server keep old rows, and holds up whoever wants to alter a table. So
 * it is begun anew from time to time, and also when the connection breaks: the next page is then as of a later moment,
 * and carries the place of that one.
 */
import { type BulkRows, encodeRows, type Logger, type RowChunk, retried, Signal } from "fustor-agent/sdk";
import type { ConnectionOptions } from "mysql2";
import { type Catalog, lookOf } from "./catalog.ts";
import type { LogPlace } from "./clock.ts";
import { type Client, connect, disconnect } from "./connect.ts";
import { type Page, readPage } from "./page.ts";
import { beginSnapshot, type Server } from "./server.ts";

const RENEW_MS = 30_000;
/** Of a page, before the driver gives up. */
const TRIES = 5;
const FIRST_ROWS = 64;
const MOST_ROWS = 2_000;
const PAGE_BYTES = 2 << 20;
const CHUNK_ROWS = 500;
/** Chunks that may be with the receiver. */
const CHUNKS_OUT = 8;

export interface SnapshotParts {
  readonly config: ConnectionOptions;
  readonly database: string;
  /** Makes sure that the stream begins before the snapshot. */
  readonly prepare: () => Promise<Server>;
  readonly readCatalog: (client: Client) => Promise<Catalog>;
  readonly sequenceAt: (place: LogPlace) => number;
  readonly failure: (error: unknown) => Error;
  readonly logger: Logger;
  readonly signal: AbortSignal;
}

export function snapshotOf(parts: SnapshotParts): BulkRows {
  const snapshot = new Snapshot(parts);
  return { chunks: snapshot.chunks(), progress: () => ({ rows: snapshot.rows }) };
}

/** A client within a transaction, and what the rows that it reads are as of. */
interface View {
  readonly client: Client;
  readonly server: Server;
  readonly catalog: Catalog;
  readonly sequence: number;
  readonly begunAt: number;
}

interface ReadPage extends Page {
  readonly sequence: number;
  /** What the table looked like. */
  readonly look: string;
  readonly limit: number;
}

class Snapshot {
  readonly #parts: SnapshotParts;
  readonly #freed = new Signal();
  #view: View | undefined;
  #out = 0;
  #rowBytes = PAGE_BYTES / FIRST_ROWS;
  rows = 0;

  constructor(parts: SnapshotParts) {
    this.#parts = parts;
  }

  async *chunks(): AsyncGenerator<RowChunk, void, undefined> {
    const done = new Set<string>();
    try {
      for (let name = await this.#nextTable(done); name !== undefined; name = await this.#nextTable(done)) {
        done.add(name);
        yield* this.#table(name);
      }
    } catch (error) {
      throw this.#parts.failure(error);
    } finally {
      this.#leave();
    }
  }

  async #nextTable(done: ReadonlySet<string>): Promise<string | undefined> {
    const { catalog } = await this.#retried(() => this.#current());
    return [...catalog.tables.keys()].find((name) => !done.has(name));
  }

  /** The next page is read while the receiver takes this one. */
  async *#table(name: string): AsyncGenerator<RowChunk, void, undefined> {
    let next: Promise<ReadPage | undefined> | undefined = this.#page(name, undefined);
    while (next !== undefined) {
      const page: ReadPage | undefined = await next;
      next = page?.after === undefined ? undefined : this.#page(name, page);
      // It is waited for later, or never when the rows are not wanted any more.
      next?.catch(() => undefined);
      if (page !== undefined) yield* this.#chunksOf(page, name);
    }
  }

  /** Undefined for a table that is not there any more: the stream tells that. */
  #page(name: string, previous: ReadPage | undefined): Promise<ReadPage | undefined> {
    const { database } = this.#parts;
    return this.#retried(async () => {
      const { client, catalog, sequence } = await this.#current();
      const table = catalog.tables.get(name);
      if (table === undefined) return undefined;
      const look = lookOf(table);
      // Rows of before lack what the table has now.
      const after = previous?.look === look ? previous.after : undefined;
      const limit = this.#limit(previous?.limit);
      return { ...(await readPage(client, { database, table, after, limit })), sequence, look, limit };
    });
  }

  #limit(previous: number | undefined): number {
    if (previous === undefined) return FIRST_ROWS;
    return Math.ceil(Math.max(1, Math.min(MOST_ROWS, previous * 8, PAGE_BYTES / this.#rowBytes)));
  }

  async *#chunksOf({ rows, sequence }: ReadPage, table: string): AsyncGenerator<RowChunk, void, undefined> {
    const { signal } = this.#parts;
    const onRelease = (): void => {
      this.#out--;
      this.#freed.raise();
    };
    for (let from = 0; from < rows.length; from += CHUNK_ROWS) {
      while (this.#out >= CHUNKS_OUT && !signal.aborted) await this.#freed.wait(signal);
      if (signal.aborted) throw new Error("the rows are not wanted any more");
      const chunk = encodeRows(rows.slice(from, from + CHUNK_ROWS), { sequence, table, onRelease });
      this.#out++;
      this.rows += chunk.rowCount;
      this.#rowBytes = chunk.buffer.length / chunk.rowCount;
      yield chunk;
    }
  }

  /** With another connection and another moment after each failure. */
  #retried<T>(call: () => Promise<T>): Promise<T> {
    const { signal, logger } = this.#parts;
    return retried(call, {
      signal,
      attempts: TRIES,
      maxMs: 2_000,
      onFailure: (error) => {
        this.#leave();
        logger.warn({ reason: String(error), rows: this.rows }, "reading the snapshot failed and is tried again");
      },
    });
  }

  async #current(): Promise<View> {
    const view = this.#view;
    if (view !== undefined && performance.now() - view.begunAt < RENEW_MS) return view;
    this.#view = undefined;
    if (view === undefined) return this.#enter(await this.#client());
    await view.client.query("COMMIT");
    return this.#enter(view);
  }

  async #client(): Promise<Pick<View, "client" | "server">> {
    const server = await this.#parts.prepare();
    return { server, client: await connect(this.#parts.config, this.#parts.signal) };
  }

  /** The tables are looked at before: a transaction holds on to each table that it has looked at. */
  async #enter({ client, server }: Pick<View, "client" | "server">): Promise<View> {
    try {
      const catalog = await this.#parts.readCatalog(client);
      const place = await beginSnapshot(client, server);
      const begunAt = performance.now();
      this.#view = { client, server, catalog, sequence: this.#parts.sequenceAt(place), begunAt };
      return this.#view;
    } catch (error) {
      disconnect(client);
      throw error;
    }
  }

  #leave(): void {
    if (this.#view !== undefined) disconnect(this.#view.client);
    this.#view = undefined;
  }
}
