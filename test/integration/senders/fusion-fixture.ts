import type { Envelope, EnvelopeEvent, RowData, SenderDriver } from "../../../src/sdk/index.ts";
import type { FusionSenderOptions } from "../../../src/senders/fusion/fusion-options.ts";
import { FusionSender } from "../../../src/senders/fusion/fusion-sender.ts";
import { createRecordingLogger, type RecordingLogger } from "../../support/recording-logger.ts";
import type { RecordingReceiver } from "../../support/recording-receiver.ts";

export const KEY = "push-key-0123456789";
export const TASK = { taskId: "agent-1:pipe-1", sourceType: "fs", sourceUri: "/data/research" };

/** A signal that nobody aborts. */
export const calm = (): { signal: AbortSignal } => ({ signal: new AbortController().signal });

export interface SenderUnderTest {
  readonly sender: SenderDriver;
  readonly logger: RecordingLogger;
}

export function senderTo(
  receiver: Pick<RecordingReceiver, "url">,
  over: Partial<FusionSenderOptions> = {},
): SenderUnderTest {
  const logger = createRecordingLogger();
  const sender = new FusionSender({ id: "snd", logger }, { uri: receiver.url, key: KEY, timeoutMs: 10_000, ...over });
  return { sender, logger };
}

export const eventOf = (rows: RowData): EnvelopeEvent => ({
  eventType: "update",
  schema: "fs",
  table: "files",
  fields: ["path"],
  rows,
  index: 1_790_000_000_123,
  messageSource: "realtime",
});

export const envelopeOf = (rows: RowData, over: Partial<Envelope> = {}): Envelope => ({
  sourceType: "message",
  events: [eventOf(rows)],
  isEnd: false,
  snapshotSyncSuggested: false,
  ...over,
});

export const oneRow = (path = "/a"): Envelope => envelopeOf({ kind: "objects", rows: [{ path }] });

/** Encoded rows of about so many bytes in one slice that the test may overwrite. */
export function bigRows(sizeBytes: number): { readonly slice: Buffer; readonly count: number } {
  const row = JSON.stringify({ path: `/d/${"n".repeat(180)}`, size: 1 });
  const count = Math.ceil(sizeBytes / (row.length + 1));
  return { slice: Buffer.from(Array.from({ length: count }, () => row).join(",")), count };
}
