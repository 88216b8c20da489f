/** Batches of changes from the log, as they come; a transaction may be in several. */
import type { ChangeBatch } from "fustor-agent/sdk";
import type { BinlogStream } from "./binlog-stream.ts";
import type { Catalog } from "./catalog.ts";
import type { LogReader } from "./log-reader.ts";

const BATCH_CHANGES = 500;
const BATCH_BYTES = 1 << 20;
/** Rows as JSON beside rows in the log, about. */
const GROWTH = 2;

export interface BatcherParts {
  readonly stream: Pick<BinlogStream, "take" | "isNext">;
  readonly reader: LogReader;
  readonly readCatalog: () => Promise<Catalog>;
}

/** What has come so far; undefined when no change has. */
export async function nextBatch({ stream, reader, readCatalog }: BatcherParts): Promise<ChangeBatch | undefined> {
  let sizeBytes = 0;
  let oldest = 0;
  const isFull = (): boolean => reader.count >= BATCH_CHANGES || sizeBytes >= BATCH_BYTES;
  // The end of a transaction is taken with its last change: it says where the stream can go on.
  while (reader.wanted === undefined && (!isFull() || stream.isNext("Xid"))) {
    const event = stream.take();
    if (event === undefined) break;
    const before = reader.count;
    if (reader.take(event)) reader.adopt(await readCatalog());
    if (reader.count === before) continue;
    sizeBytes += event.size * GROWTH;
    if (before === 0) oldest = reader.timestamp;
  }
  const changes = reader.takeChanges();
  return changes.length === 0 ? undefined : { changes, sizeBytes, lagMs: Math.max(0, Date.now() - oldest) };
}
