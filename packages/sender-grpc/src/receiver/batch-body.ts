/** The bytes of a batch as the body that the desk takes: what JSON over HTTP would be parsed to. */
import { isUtf8 } from "node:buffer";
import { fromBinary } from "@bufbuild/protobuf";
import { BinaryReader, WireType } from "@bufbuild/protobuf/wire";
import { describeError, type ReceiverDesk } from "fustor-agent/sdk";
import { type Answer, type Batch, BatchSchema, type Event } from "../gen/fustor/v1/receiver_pb.ts";
import { refused } from "./answers.ts";

type Refusal = Answer["kind"] & { readonly case: "refusal" };

/** The smallest event with a row has more bytes; a batch of nothing but empty events would take a hundred times its size. */
const BYTES_PER_FIELD = 8;
const FREE_FIELDS = 1024;

class Unfit extends Error {}

/** Counts events and their fields by their lengths alone. Throws on what is no message. */
function demandFewFields(bytes: Uint8Array): void {
  const most = FREE_FIELDS + bytes.byteLength / BYTES_PER_FIELD;
  let fields = 0;
  const count = (reader: BinaryReader, isBatch: boolean): void => {
    while (reader.pos < reader.len) {
      if (++fields > most) throw new Unfit("the batch holds nearly nothing but empty fields");
      const [number, type] = reader.tag();
      if (isBatch && number === 6 && type === WireType.LengthDelimited) count(new BinaryReader(reader.bytes()), false);
      else reader.skip(type, number);
    }
  };
  count(new BinaryReader(bytes), true);
}

function parsed(bytes: Uint8Array, desk: ReceiverDesk): unknown {
  if (!isUtf8(bytes)) throw new Unfit("rows are not UTF-8");
  const problem = desk.shapeProblem(bytes);
  if (problem !== undefined) throw new Unfit(problem);
  try {
    return JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("utf8"));
  } catch (error) {
    throw new Unfit(`rows are no JSON: ${describeError(error)}`);
  }
}

const eventBody = (event: Event, desk: ReceiverDesk): object => ({
  event_type: event.eventType,
  event_schema: event.eventSchema,
  table: event.table,
  message_source: event.messageSource,
  index: Number(event.index),
  fields: event.fields,
  rows: parsed(event.rows, desk),
});

const bodyOf = (batch: Batch, desk: ReceiverDesk): object => ({
  source_type: batch.sourceType,
  is_end: batch.isEnd,
  is_snapshot_end: batch.isSnapshotEnd,
  snapshot_sync_suggested: batch.snapshotSyncSuggested,
  events: batch.events.map((event) => eventBody(event, desk)),
  ...(batch.metadata === undefined ? {} : { metadata: parsed(Buffer.from(batch.metadata), desk) }),
});

export function batchBody(bytes: Buffer, desk: ReceiverDesk): { readonly value: object } | Refusal {
  try {
    demandFewFields(bytes);
    return { value: bodyOf(fromBinary(BatchSchema, bytes), desk) };
  } catch (error) {
    return refused(422, error instanceof Unfit ? error.message : `no batch: ${describeError(error)}`);
  }
}
