import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Envelope, EnvelopeEvent, RowData } from "../../../../src/sdk/index.ts";
import { ingestBody } from "../../../../src/senders/fusion/ingest-body.ts";

const event = (rows: RowData, over: Partial<EnvelopeEvent> = {}): EnvelopeEvent => ({
  eventType: "update",
  schema: "fs",
  table: "files",
  fields: ["path", "size"],
  rows,
  index: 1_790_000_000_123,
  messageSource: "snapshot",
  ...over,
});

const envelope = (over: Partial<Envelope>): Envelope => ({
  sourceType: "snapshot",
  events: [],
  isEnd: false,
  snapshotSyncSuggested: false,
  ...over,
});

const encoded = (...slices: string[]): RowData => ({
  kind: "encoded",
  slices: slices.map((slice) => Buffer.from(slice)),
  count: slices.join("").split("{").length - 1,
});

const parsed = (body: Buffer): unknown => JSON.parse(body.toString("utf8"));

describe("the ingest body", () => {
  it("has every member of the wire in the snake_case spelling and nothing else", () => {
    const events = [event({ kind: "objects", rows: [{ path: "/a", size: 1 }] })];
    expect(parsed(ingestBody("sid", envelope({ events })))).toEqual({
      session_id: "sid",
      events: [
        {
          event_type: "update",
          event_schema: "fs",
          table: "files",
          message_source: "snapshot",
          index: 1_790_000_000_123,
          fields: ["path", "size"],
          rows: [{ path: "/a", size: 1 }],
        },
      ],
      source_type: "snapshot",
      is_end: false,
      is_snapshot_end: false,
      snapshot_sync_suggested: false,
    });
  });

  it("joins slices by commas and passes their bytes through untouched", () => {
    const events = [event(encoded('{"path":"/a"},{"path":"/\\u00e9"}', "", '{"path":"/b","size":1.50}'))];
    expect(ingestBody("sid", envelope({ events })).toString()).toContain(
      '"rows":[{"path":"/a"},{"path":"/\\u00e9"},{"path":"/b","size":1.50}]}',
    );
  });

  it.each([
    ["snapshot", true, true],
    ["snapshot", false, false],
    ["audit", true, false],
    ["message", true, false],
  ] as const)("of a %s batch with isEnd %s has is_snapshot_end %s", (sourceType, isEnd, snapshotEnd) => {
    expect(parsed(ingestBody("sid", envelope({ sourceType, isEnd })))).toMatchObject({
      is_end: isEnd,
      is_snapshot_end: snapshotEnd,
      events: [],
    });
  });

  it("carries metadata only when the envelope has some", () => {
    const metadata = { scan_path: "/d", job_id: "j" };
    expect(parsed(ingestBody("s", envelope({ sourceType: "job_complete", metadata })))).toMatchObject({ metadata });
    expect(parsed(ingestBody("s", envelope({})))).not.toHaveProperty("metadata");
  });

  it("leaves out events without rows, which a Fusion would count as failures", () => {
    const none = event({ kind: "objects", rows: [] });
    const hollow = event(encoded(""));
    const body = parsed(ingestBody("s", envelope({ events: [none, event(encoded('{"path":"/a"}')), hollow] })));
    expect((body as { events: unknown[] }).events).toHaveLength(1);
  });

  it("is exactly as long as the buffer it asked for", () => {
    const sizes: number[] = [];
    const allocate = (size: number): Buffer => {
      sizes.push(size);
      return Buffer.alloc(size, 0xff);
    };
    const body = ingestBody("ßü", envelope({ events: [event(encoded('{"path":"/‛FF"}'))] }), allocate);
    expect(sizes).toEqual([body.byteLength]);
    expect(parsed(body)).toMatchObject({ session_id: "ßü" });
  });

  it("gives back any mix of events as they were put in", () => {
    const row = fc.record({ path: fc.string({ unit: "binary" }), size: fc.nat() });
    const chunked = fc.array(fc.array(row, { minLength: 1, maxLength: 4 }), { maxLength: 4 });
    const source = fc.array(fc.record({ asObjects: fc.boolean(), chunks: chunked }), { maxLength: 6 });
    fc.assert(
      fc.property(source, (parts) => {
        const events = parts.map(({ asObjects, chunks }) => {
          const rows = chunks.flat();
          if (asObjects) return event({ kind: "objects", rows });
          const slices = chunks.map((chunk) => Buffer.from(JSON.stringify(chunk).slice(1, -1)));
          return event({ kind: "encoded", slices, count: rows.length });
        });
        const body = parsed(ingestBody("s", envelope({ events }))) as { events: { rows: unknown[] }[] };
        const expected = parts.map(({ chunks }) => chunks.flat()).filter((rows) => rows.length > 0);
        expect(body.events.map((one) => one.rows)).toEqual(JSON.parse(JSON.stringify(expected)));
      }),
    );
  });
});
