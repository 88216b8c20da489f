/**
 * A batch as the requests that carry it, each at most a part long. Rows are copied once, as they are, and never parsed:
 * protobuf-es would copy them three times. The requests are of buffers of their own, so the rows may be used again as
 * soon as all of them are made.
 */
import { create, toBinary } from "@bufbuild/protobuf";
import { type Envelope, type EnvelopeEvent, omitUndefined } from "fustor-agent/sdk";
import { BatchSchema, EventSchema } from "./gen/fustor/v1/receiver_pb.ts";
import { PART_BYTES } from "./wire.ts";

/** Tags: number of the field and wire type. */
const REQUEST_CALL = 0x08;
const REQUEST_PART = 0x2a;
const PART_DATA = 0x0a;
const PART_IS_LAST = [0x10, 0x01];
const BATCH_EVENTS = 0x32;
const EVENT_ROWS = 0x3a;

const COMMA = Buffer.from(",");
const OPEN = Buffer.from("[");
const CLOSE = Buffer.from("]");

/** A number below 2^53 as protobuf writes it. */
function varint(value: number): number[] {
  const bytes: number[] = [];
  for (let rest = value; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) return [...bytes, rest];
    bytes.push((rest % 128) | 0x80);
  }
}

const sizeOf = (pieces: readonly Uint8Array[]): number => pieces.reduce((sum, { byteLength }) => sum + byteLength, 0);

function rowPieces({ rows }: EnvelopeEvent): Uint8Array[] {
  if (rows.kind === "objects") return [Buffer.from(JSON.stringify(rows.rows))];
  const pieces: Uint8Array[] = [];
  for (const slice of rows.slices) if (slice.byteLength > 0) pieces.push(pieces.length === 0 ? OPEN : COMMA, slice);
  return [...(pieces.length === 0 ? [OPEN] : pieces), CLOSE];
}

function eventHead(event: EnvelopeEvent): Uint8Array {
  const head = create(EventSchema, {
    eventType: event.eventType,
    eventSchema: event.schema,
    table: event.table,
    messageSource: event.messageSource,
    index: BigInt(event.index),
    fields: [...event.fields],
  });
  return toBinary(EventSchema, head);
}

const hasRows = ({ rows }: EnvelopeEvent): boolean => (rows.kind === "objects" ? rows.rows.length : rows.count) > 0;

function batchPieces(envelope: Envelope): Uint8Array[] {
  const { sourceType, isEnd, snapshotSyncSuggested, metadata } = envelope;
  const head = create(
    BatchSchema,
    omitUndefined({
      ...{ sourceType, isEnd, snapshotSyncSuggested },
      isSnapshotEnd: isEnd && sourceType === "snapshot",
      metadata: metadata === undefined ? undefined : JSON.stringify(metadata),
    }),
  );
  const pieces: Uint8Array[] = [toBinary(BatchSchema, head)];
  for (const event of envelope.events.filter(hasRows)) {
    const [eventBytes, rows] = [eventHead(event), rowPieces(event)];
    const rowsHead = Buffer.from([EVENT_ROWS, ...varint(sizeOf(rows))]);
    const size = eventBytes.byteLength + rowsHead.byteLength + sizeOf(rows);
    pieces.push(Buffer.from([BATCH_EVENTS, ...varint(size)]), eventBytes, rowsHead, ...rows);
  }
  return pieces;
}

/** An empty request for one part, and where its data begins. */
function emptyPart(call: number, dataBytes: number, isLast: boolean): { request: Buffer; at: number } {
  const dataHead = [PART_DATA, ...varint(dataBytes)];
  const tail = isLast ? PART_IS_LAST : [];
  const size = dataHead.length + dataBytes + tail.length;
  const head = [REQUEST_CALL, ...varint(call), REQUEST_PART, ...varint(size), ...dataHead];
  const request = Buffer.allocUnsafe(head.length + dataBytes + tail.length);
  request.set(head);
  request.set(tail, head.length + dataBytes);
  return { request, at: head.length };
}

/** `Request` messages with the parts of the batch, in order. */
export function batchParts(call: number, envelope: Envelope, partBytes: number = PART_BYTES): readonly Buffer[] {
  const pieces = batchPieces(envelope);
  const parts: Buffer[] = [];
  let left = sizeOf(pieces);
  let [piece, from] = [0, 0];
  do {
    const size = Math.min(left, partBytes);
    left -= size;
    const { request, at } = emptyPart(call, size, left === 0);
    for (let filled = 0; filled < size; ) {
      const bytes = pieces[piece] as Uint8Array;
      const taken = bytes.subarray(from, from + size - filled);
      request.set(taken, at + filled);
      filled += taken.byteLength;
      from += taken.byteLength;
      if (from === bytes.byteLength) [piece, from] = [piece + 1, 0];
    }
    parts.push(request);
  } while (left > 0);
  return parts;
}
