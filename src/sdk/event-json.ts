/** The JSON of an event, framed around its rows without parsing them: what a sender of JSON puts into its body. */
import type { EnvelopeEvent } from "./envelope.ts";

export type JsonPart = string | Uint8Array;

/**
 * Adds one event as an object with the members of the Fusion protocol, `rows` last. Slices are added as they are: they
 * belong to the source again as soon as `push` resolves.
 */
export function addEventJson(parts: JsonPart[], event: EnvelopeEvent): void {
  parts.push(headOf(event));
  addRows(parts, event);
  parts.push("}");
}

function headOf(event: EnvelopeEvent): string {
  const head = JSON.stringify({
    event_type: event.eventType,
    event_schema: event.schema,
    table: event.table,
    message_source: event.messageSource,
    index: event.index,
    fields: event.fields,
  });
  return `${head.slice(0, -1)},"rows":`;
}

function addRows(parts: JsonPart[], { rows }: EnvelopeEvent): void {
  if (rows.kind === "objects") {
    parts.push(JSON.stringify(rows.rows));
    return;
  }
  let separator = "[";
  for (const slice of rows.slices) {
    if (slice.byteLength === 0) continue;
    parts.push(separator, slice);
    separator = ",";
  }
  parts.push("]");
}
