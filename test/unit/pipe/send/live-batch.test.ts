import { describe, expect, it } from "vitest";
import { LiveBatch } from "../../../../src/pipe/send/live-batch.ts";
import type { Change, Envelope } from "../../../../src/sdk/index.ts";
import { batchContext, liveItem, type TestContext } from "../../../support/batch-context.ts";
import { deleted, written } from "../../../support/changes.ts";
import { rowsOf } from "../../../support/faulty-sender.ts";

const pathsOf = (envelope: Envelope): unknown[] =>
  envelope.events.flatMap(({ rows }) => rowsOf(rows).map((r) => r.path));

const batchOf = (context: TestContext, ...changes: Change[]): LiveBatch =>
  new LiveBatch(
    changes.map((change) => liveItem(change)),
    context,
  );

describe("a batch of live changes", () => {
  it("has the size of its rows as JSON", () => {
    const batch = batchOf(batchContext(), written("/a"), written("/bc"));
    expect(batch.sizeBytes()).toBe('{"path":"/a","modified_time":5}{"path":"/bc","modified_time":5}'.length);
  });

  it("is the same envelope at every attempt", () => {
    const batch = batchOf(batchContext(), written("/a"));
    expect(batch.envelope()).toBe(batch.envelope());
  });

  it("is halved in order down to one row, which cannot be halved", () => {
    const batch = batchOf(batchContext(), written("/a"), written("/b"), written("/c"));
    const [first, second] = batch.halve() ?? [];
    expect([first, second].map((half) => half && pathsOf(half.envelope()))).toEqual([["/a"], ["/b", "/c"]]);
    expect(second?.halve()?.map((half) => half.rowCount)).toEqual([1, 1]);
    expect(first?.halve()).toBeUndefined();
  });

  it("names its keys, and its first row as text", () => {
    const context = batchContext();
    expect(batchOf(context, written("/a"), written("/b")).key()).toBe("/a, /b");
    expect(batchOf(context, written("/a")).row()).toBe('{"path":"/a","modified_time":5}');
    expect(batchOf(context).row()).toBeUndefined();
  });

  it("is noted right before it is sent: what it supersedes, and the deletes among it", () => {
    const context = batchContext();
    const view = context.superseded.view();
    view.begin();
    batchOf(context, written("/d/a", 7), deleted("/d/b", 8)).sending();
    expect([view.supersedes("/d/a", 6), view.supersedes("/d/b", 7)]).toEqual([true, true]);
    expect([context.tombstones.needs("/d/a"), context.tombstones.needs("/d/b")]).toEqual([false, true]);
  });

  it("of keys that are no paths leaves no tombstone, neither sent nor accepted", () => {
    const context = batchContext();
    const batch = batchOf(context, { ...deleted("k"), row: { id: 5 } });
    batch.sending();
    batch.accepted();
    expect(context.tombstones.isEmpty()).toBe(true);
  });

  it("is counted when it is accepted", () => {
    const context = batchContext();
    batchOf(context, written("/a"), deleted("/b")).accepted();
    expect(context.accepted).toEqual(["message 2"]);
  });

  it("forgets what it lifted, unless a delete came after that", () => {
    const context = batchContext();
    context.tombstones.noteAllDeleted([deleted("/a"), deleted("/b"), deleted("/c")]);
    new LiveBatch(
      [
        liveItem(written("/a"), 1, true),
        liveItem(written("/b"), 2, true),
        liveItem(deleted("/b", 2), 3),
        liveItem(written("/c"), 4, false),
      ],
      context,
    ).accepted();
    expect(["/a", "/b", "/c"].map((key) => context.tombstones.needs(key))).toEqual([false, true, true]);
  });
});
