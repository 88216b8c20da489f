/** The JSON of one envelope, framed around the rows without parsing them. docs/consumer-guide.md lists its members. */
import { addEventJson, type Envelope, type JsonPart, rowCountOf } from "fustor-agent/sdk";

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
  const parts: JsonPart[] = [`${facts.slice(0, -1)},"events":[`];
  for (const [at, event] of events.entries()) {
    if (at > 0) parts.push(",");
    addEventJson(parts, event);
  }
  parts.push("]}");
  return Buffer.concat(parts.map((part) => (typeof part === "string" ? Buffer.from(part) : part)));
}
