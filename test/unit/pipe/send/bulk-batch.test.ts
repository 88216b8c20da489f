import { describe, expect, it } from "vitest";
import type { RowRange } from "../../../../src/pipe/encode/row-ranges.ts";
import { BulkBatch } from "../../../../src/pipe/send/bulk-batch.ts";
import { CompletionBatch, EndBatch } from "../../../../src/pipe/send/end-batch.ts";
import { batchContext, type TestContext } from "../../../support/batch-context.ts";
import { deleted } from "../../../support/changes.ts";
import { rowsOf } from "../../../support/faulty-sender.ts";
import { chunkOf } from "../../../support/row-chunks.ts";

const row = (path: string): string => JSON.stringify({ path, modified_time: 5 });
const lifted = (path: string) => ({ path, modified_time: 5 });
const rangeOf = (...paths: string[]): RowRange => ({ chunk: chunkOf(paths.map(row)), from: 0, to: paths.length });

const batchOf = (ranges: readonly RowRange[], up: readonly string[] = [], context: TestContext = batchContext()) =>
  new BulkBatch("snapshot", ranges, up.map(lifted), 42, context);

const pathsOf = (batch: Pick<BulkBatch, "envelope"> | undefined): unknown[] =>
  batch?.envelope().events.flatMap(({ rows }) => rowsOf(rows).map(({ path }) => path)) ?? [];

describe("a batch of rows in bulk", () => {
  it("counts a lifted row once, and has the size of the rows as they come from the source", () => {
    const batch = batchOf([rangeOf("/a", "/b"), rangeOf("/c")], ["/d", "/e"]);
    expect(batch.rowCount).toBe(5);
    const text = [`${row("/a")},${row("/b")}`, row("/c"), row("/d"), row("/e")];
    expect(batch.sizeBytes()).toBe(text.join("").length);
  });

  it("is one envelope at every attempt, with the index of the batch", () => {
    const batch = batchOf([rangeOf("/a")], ["/b"]);
    expect(batch.envelope()).toBe(batch.envelope());
    expect(batch.envelope().events.map(({ index, messageSource }) => [index, messageSource])).toEqual([
      [42, "snapshot"],
      [42, "snapshot"],
      [42, "realtime"],
    ]);
  });

  it("is halved: plain rows from lifted ones first, then each kind in the middle", () => {
    const [plain, up] = batchOf([rangeOf("/a", "/b", "/c")], ["/d", "/e", "/f"]).halve() ?? [];
    expect([plain?.rowCount, up?.rowCount]).toEqual([3, 3]);
    expect(plain?.halve()?.map((half) => pathsOf(half as BulkBatch))).toEqual([["/a"], ["/b", "/c"]]);
    expect(up?.halve()?.map((half) => half.key())).toEqual(["/d", "/e"]);
    expect(up?.halve()?.map((half) => half.rowCount)).toEqual([1, 2]);
    expect(up?.envelope().events[0]?.index).toBe(42);
  });

  it("of two rows, one of each kind, becomes two batches of one", () => {
    expect(
      batchOf([rangeOf("/a")], ["/b"])
        .halve()
        ?.map((half) => half.key()),
    ).toEqual(["/a", "/b"]);
    expect(
      batchOf([], ["/a", "/b"])
        .halve()
        ?.map((half) => half.key()),
    ).toEqual(["/a", "/b"]);
  });

  it("of one row cannot be halved", () => {
    expect(batchOf([rangeOf("/a")]).halve()).toBeUndefined();
    expect(batchOf([], ["/a"]).halve()).toBeUndefined();
  });

  it("names the path of its first row, if it has one that can be read", () => {
    const odd = (text: string): RowRange => ({ chunk: chunkOf([text]), from: 0, to: 1 });
    expect(batchOf([rangeOf("/a", "/b")]).key()).toBe("/a");
    expect(batchOf([], ["/l"]).key()).toBe("/l");
    expect(batchOf([odd('{"path":5}')]).key()).toBe("a row without a path");
    expect(batchOf([odd("{broken")]).key()).toBe("a row without a path");
    expect(batchOf([]).key()).toBe("a row without a path");
  });

  it("shows its first row as the source wrote it", () => {
    const { chunk } = rangeOf("/a", "/b");
    expect(batchOf([{ chunk, from: 1, to: 2 }]).row()).toBe(row("/b"));
    expect(batchOf([], ["/l"]).row()).toBe(row("/l"));
  });

  it("is counted when it is accepted, and the paths that it lifted are forgotten", () => {
    const context = batchContext();
    context.tombstones.noteAllDeleted([deleted("/a"), deleted("/b")]);
    new BulkBatch("audit", [rangeOf("/a")], [lifted("/b"), { size: 1 }], 1, context).accepted();
    expect(["/a", "/b"].map((path) => context.tombstones.needs(path))).toEqual([true, false]);
    expect(context.accepted).toEqual(["audit 3"]);
  });
});

describe("a batch without rows", () => {
  it("is the end of a phase, whose acceptance is reported", () => {
    const { builder } = batchContext();
    const said: string[] = [];
    const end = new EndBatch("audit", builder.end("audit"), () => said.push("accepted"));
    expect([end.phase, end.rowCount, end.sizeBytes(), end.key()]).toEqual(["audit", 0, 0, "the end (audit)"]);
    expect([end.halve(), end.row()]).toEqual([undefined, undefined]);
    expect(end.envelope()).toMatchObject({ isEnd: true, events: [] });
    end.sending();
    expect(said).toEqual([]);
    end.accepted();
    expect(said).toEqual(["accepted"]);
  });

  it("is the completion of a scan, which can be done without", () => {
    const { builder } = batchContext();
    const completion = new CompletionBatch(builder.jobComplete({ scan_path: "/a" }), "/a");
    expect([completion.phase, completion.isExpendable]).toEqual(["on_demand_job", true]);
    expect(completion.key()).toBe("the completion of the scan of /a");
    expect(completion.envelope().metadata).toEqual({ scan_path: "/a" });
  });
});
