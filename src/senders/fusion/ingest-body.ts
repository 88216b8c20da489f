/**
 * The JSON body of one ingest POST, framed around the rows without parsing them.
 *
 * Everything is copied once into a buffer of the sender's own. For events of 100 rows that is also the fastest way:
 * 10,000 rows (1.8 MB) took 1.5 ms a POST with a reused buffer, 2.5 ms with a fresh one and 3.3 ms as a stream of the
 * slices. And it ends the caller's duty towards the socket: once `push` settled, the row buffers may be refilled,
 * although the kernel may not have taken the whole request yet (the call timed out, or the receiver answered before it
 * had read everything).
 */
import { addEventJson, type Envelope, type JsonPart, rowCountOf } from "../../sdk/index.ts";

function envelopeTail(envelope: Envelope): string {
  const tail = JSON.stringify({
    source_type: envelope.sourceType,
    is_end: envelope.isEnd,
    is_snapshot_end: envelope.isEnd && envelope.sourceType === "snapshot",
    snapshot_sync_suggested: envelope.snapshotSyncSuggested,
    ...(envelope.metadata === undefined ? {} : { metadata: envelope.metadata }),
  });
  return `],${tail.slice(1)}`;
}

function bodyParts(sessionId: string, envelope: Envelope): JsonPart[] {
  const parts: JsonPart[] = [`{"session_id":${JSON.stringify(sessionId)},"events":[`];
  let isFirst = true;
  for (const event of envelope.events) {
    // Fusion counts events without rows as failures of its view and switches the view off after some dozens of them.
    if (rowCountOf(event.rows) === 0) continue;
    if (!isFirst) parts.push(",");
    addEventJson(parts, event);
    isFirst = false;
  }
  parts.push(envelopeTail(envelope));
  return parts;
}

function joinParts(parts: readonly JsonPart[], allocate: (size: number) => Buffer): Buffer {
  let size = 0;
  for (const part of parts) size += typeof part === "string" ? Buffer.byteLength(part) : part.byteLength;
  const body = allocate(size);
  let offset = 0;
  for (const part of parts) {
    if (typeof part === "string") {
      offset += body.write(part, offset);
    } else {
      body.set(part, offset);
      offset += part.byteLength;
    }
  }
  return body;
}

/** The body of `POST /api/v1/pipe/ingest/{sid}/events`, in a buffer of exactly its size that `allocate` gave. */
export const ingestBody = (
  sessionId: string,
  envelope: Envelope,
  allocate: (size: number) => Buffer = Buffer.allocUnsafeSlow,
): Buffer => joinParts(bodyParts(sessionId, envelope), allocate);
