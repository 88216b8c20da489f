/** The JSON of one envelope, framed around the rows without parsing them. docs/consumer-guide.md lists its members. */
import { type Envelope, type EnvelopeEvent, rowCountOf } from "fustor-agent/sdk";

function headOf(event: EnvelopeEvent): string {
  const head = JSON.stringify({
    event_type: event.eventType,
    event_schema: event.schema,
    table: event.table,
    message_source: event.messageSource,
    index: event.index,
    fields: event.fields,
  });
  return `${head.slice(0, -1)},"rows":[`;
}

function rowParts({ rows }: EnvelopeEvent): readonly Uint8Array[] {
  if (rows.kind === "objects") return [Buffer.from(JSON.stringify(rows.rows).slice(1, -1))];
  const comma = Buffer.from(",");
  const slices = rows.slices.filter(({ byteLength }) => byteLength > 0);
  return slices.flatMap((slice, at) => (at === 0 ? [slice] : [comma, slice]));
}

/** What names a batch: agent, task, session, and its number in the session. */
export interface BatchNames {
  readonly agent_id: string;
  readonly task_id: string;
  readonly session_id: string;
  readonly sequence: number;
}

/**
 * A copy of all bytes: those of the rows belong to the source again as soon as the call is over, and the socket of a call
 * that was given up may hold on to them for longer.
 */
export function envelopeBody(envelope: Envelope, names: BatchNames): Buffer {
  const { sourceType, isEnd, snapshotSyncSuggested, metadata } = envelope;
  const facts = JSON.stringify({
    ...names,
    source_type: sourceType,
    is_end: isEnd,
    is_snapshot_end: isEnd && sourceType === "snapshot",
    snapshot_sync_suggested: snapshotSyncSuggested,
    ...(metadata === undefined ? {} : { metadata }),
  });
  const events = envelope.events.filter((event) => rowCountOf(event.rows) > 0);
  const parts = events.flatMap((event, at) => [
    Buffer.from(`${at === 0 ? "" : ","}${headOf(event)}`),
    ...rowParts(event),
    Buffer.from("]}"),
  ]);
  return Buffer.concat([Buffer.from(`${facts.slice(0, -1)},"events":[`), ...parts, Buffer.from("]}")]);
}
