/**
 * All rows as of one moment that has a place in the log: a temporary slot exports its snapshot, so that every transaction
 * is either in these rows or after that place in the stream, never both and never neither. The slot goes with its
 * connection, whatever happens to this process.
 */
import { type BulkRows, bulkRows, type Row, type RowChunk } from "fustor-agent/sdk";
import type pg from "pg";
import type { ClientConfig } from "pg";
import { connect, disconnect } from "./connect.ts";
import { parseLsn } from "./lsn.ts";
import { AS_TEXT } from "./read-columns.ts";
import { type Catalog, qualified, quoted, rowOf, type Table } from "./tables.ts";

const FETCH_ROWS = 1_000;
let made = 0;

export interface SnapshotParts {
  readonly config: ClientConfig;
  /** Makes sure that the stream begins before the snapshot. */
  readonly prepare: () => Promise<void>;
  readonly readCatalog: (client: pg.Client) => Promise<Catalog>;
  readonly failure: (error: unknown) => Error;
  readonly signal: AbortSignal;
}

export function snapshotOf(parts: SnapshotParts): BulkRows {
  const progress = { rows: 0 };
  return { chunks: chunksOf(parts, progress), progress: () => ({ ...progress }) };
}

async function* chunksOf(parts: SnapshotParts, progress: { rows: number }): AsyncGenerator<RowChunk, void, undefined> {
  const { config, signal, prepare, readCatalog, failure } = parts;
  let reader: pg.Client | undefined;
  try {
    await prepare();
    reader = await connect(config, signal);
    const place = await joinSnapshot(reader, config, signal);
    const { tables } = await readCatalog(reader);
    for (const table of tables) {
      const rows = rowsOf(reader, table);
      for await (const chunk of bulkRows(rows, { signal, sequence: () => place, table: table.label }).chunks) {
        progress.rows += chunk.rowCount;
        yield chunk;
      }
    }
  } catch (error) {
    throw failure(error);
  } finally {
    if (reader !== undefined) disconnect(reader);
  }
}

/** The reader's transaction sees everything before the place that is returned, and nothing after it. */
async function joinSnapshot(reader: pg.Client, config: ClientConfig, signal: AbortSignal): Promise<number> {
  const exporter = await connect(config, signal, { replication: true });
  try {
    const slot = `fustor_snapshot_${process.pid}_${Date.now()}_${made++}`;
    const created = await exporter.query(
      `CREATE_REPLICATION_SLOT ${quoted(slot)} TEMPORARY LOGICAL pgoutput EXPORT_SNAPSHOT`,
    );
    const { consistent_point: place, snapshot_name: name } = created.rows[0] as Record<string, string>;
    await reader.query("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
    await reader.query(`SET TRANSACTION SNAPSHOT '${name}'`);
    return parseLsn(place ?? "0/0");
  } finally {
    disconnect(exporter);
  }
}

async function* rowsOf(reader: pg.Client, table: Table): AsyncGenerator<Row, void, undefined> {
  const columns = table.columns.map(({ name }) => quoted(name)).join(", ");
  const where = table.filter === undefined ? "" : ` WHERE ${table.filter}`;
  await reader.query(`DECLARE fustor NO SCROLL CURSOR FOR SELECT ${columns} FROM ${qualified(table)}${where}`);
  const fetch = async (): Promise<(string | null)[][]> =>
    (await reader.query({ text: `FETCH ${FETCH_ROWS} FROM fustor`, rowMode: "array", types: AS_TEXT })).rows;
  let next = fetch();
  for (;;) {
    const rows = await next;
    if (rows.length === 0) break;
    next = fetch();
    // It is waited for later, or never when the rows are not wanted any more.
    next.catch(() => undefined);
    for (const row of rows) yield rowOf(table, row);
  }
  await reader.query("CLOSE fustor");
}
