import { describe, expect, it } from "vitest";
import { EnvelopeBuilder, eventsOfRun, type LiveItem, liveRuns } from "../../../../src/pipe/encode/envelope-builder.ts";
import { FieldMapper } from "../../../../src/pipe/encode/field-mapper.ts";
import type { FieldRule } from "../../../../src/sdk/index.ts";
import { type Envelope, encodeRows, envelopeRowCount, type RowChunk } from "../../../../src/sdk/index.ts";
import { rowsOf } from "../../../support/faulty-sender.ts";
import { chunkOf as textChunk } from "../../../support/row-chunks.ts";

const NOW = 1_790_000_000_000;

const builderOf = (eventRows = 3, rules: readonly FieldRule[] = [], suggests = false): EnvelopeBuilder =>
  new EnvelopeBuilder({
    schema: "fs",
    table: "files",
    fields: ["path", "size"],
    mapper: new FieldMapper(rules),
    eventRows,
    wallClock: () => NOW,
    suggestSnapshot: () => suggests,
  });

let index = 100;
const item = (op: "insert" | "update" | "delete", path: string, lift = false): LiveItem => ({
  change: {
    op,
    key: path,
    row: op === "delete" ? { path } : { path, modified_time: 5 },
    sequence: 1,
    isContainer: false,
  },
  index: ++index,
  lift,
});

const shape = (envelope: Envelope): string[] =>
  envelope.events.map(
    ({ messageSource, eventType, rows }) =>
      `${messageSource} ${eventType} ${rowsOf(rows)
        .map((row) => row.path)
        .join(" ")}`,
  );

const chunkOf = (count: number, table?: string): RowChunk => {
  const rows = Array.from({ length: count }, (_, i) => ({ path: `/${i}`, size: i }));
  return encodeRows(rows, table === undefined ? { sequence: 1 } : { sequence: 1, table });
};

describe("live changes in an envelope", () => {
  it("share an event as long as they are of one kind and there is room", () => {
    const items = [
      item("insert", "/a"),
      item("update", "/b"),
      item("update", "/c"),
      item("update", "/d"),
      item("update", "/d2"),
      item("delete", "/a"),
      item("delete", "/b"),
      item("update", "/e"),
    ];
    expect(shape(builderOf().live(items))).toEqual([
      "realtime insert /a",
      "realtime update /b /c /d",
      "realtime update /d2",
      "realtime delete /a /b",
      "realtime update /e",
    ]);
  });

  it("name the table of their own, and share no event with those of another", () => {
    const inTable = (path: string, table: string): LiveItem => {
      const { change, ...rest } = item("insert", path);
      return { ...rest, change: { ...change, table } };
    };
    const items = [item("insert", "/a"), inTable("1", "users"), inTable("2", "users"), inTable("3", "orders")];
    const { events } = builderOf().live(items);
    expect(shape({ events } as Envelope)).toEqual(["realtime insert /a", "realtime insert 1 2", "realtime insert 3"]);
    expect(events.map(({ table }) => table)).toEqual(["files", "users", "orders"]);
  });

  it("carry the index of the last one in their event", () => {
    const items = [item("update", "/a"), item("update", "/b")];
    expect(
      builderOf()
        .live(items)
        .events.map((event) => event.index),
    ).toEqual([items[1]?.index]);
  });

  it("that lift go out lifted first and then as they are, without touching the shared row", () => {
    const lifted = item("update", "/a", true);
    const envelope = builderOf().live([item("update", "/x"), lifted, item("update", "/y")]);
    expect(shape(envelope)).toEqual([
      "realtime update /x",
      "snapshot update /a",
      "realtime update /a",
      "realtime update /y",
    ]);
    expect(envelope.events.map(({ rows }) => rowsOf(rows)[0]?.modified_time)).toEqual([5, NOW / 1000 + 1e8, 5, 5]);
    expect(lifted.change.row).toEqual({ path: "/a", modified_time: 5 });
  });

  it("make no event when the mapping leaves nothing of their rows", () => {
    const builder = builderOf(3, [{ to: "bytes", source: ["size"] }]);
    expect(builder.live([item("delete", "/a")]).events).toEqual([]);
  });

  it("split into runs that hold each of them once", () => {
    const items = [item("update", "/a"), item("delete", "/a"), item("update", "/a", true), item("update", "/b", true)];
    expect(liveRuns(items, 10).map((run) => [run.form, run.items.length, eventsOfRun(run)])).toEqual([
      ["update", 1, 1],
      ["delete", 1, 1],
      ["lift", 2, 2],
    ]);
  });
});

describe("bulk rows in an envelope", () => {
  it("are slices of their chunk, as many in an event as it may hold, across gaps", () => {
    const chunk = chunkOf(10);
    const ranges = [
      { chunk, from: 0, to: 2 },
      { chunk, from: 4, to: 10 },
    ];
    const envelope = builderOf().bulk("snapshot", ranges, [], 7);
    expect(shape(envelope)).toEqual(["snapshot update /0 /1 /4", "snapshot update /5 /6 /7", "snapshot update /8 /9"]);
    expect(envelopeRowCount(envelope)).toBe(8);
    for (const { rows } of envelope.events) {
      if (rows.kind !== "encoded") throw new Error("encoded rows were expected");
      for (const slice of rows.slices) expect(slice.buffer).toBe(chunk.buffer.buffer);
    }
    expect(envelope.events.every((event) => event.index === 7)).toBe(true);
    expect(envelope.events[0]?.fields).toEqual(["path", "size"]);
  });

  it("of several tables are in events of their own, with the fields of each", () => {
    const ranges = [chunkOf(2), chunkOf(2, "users"), chunkOf(1, "users"), chunkOf(1, "orders"), chunkOf(1)];
    const whole = ranges.map((chunk) => ({ chunk, from: 0, to: chunk.rowCount }));
    const facts = (builder: EnvelopeBuilder) =>
      builder
        .bulk("snapshot", whole, [], 7)
        .events.map(({ table, rows, fields }) => [table, rowsOf(rows).length, fields]);
    const all = ["path", "size"];
    const expected = (fields: readonly string[]) =>
      [
        ["files", 2],
        ["users", 3],
        ["orders", 1],
        ["files", 1],
      ].map((event) => [...event, fields]);
    expect(facts(builderOf())).toEqual(expected(all));
    expect(facts(builderOf(3, [{ to: "size", source: ["size"] }]))).toEqual(expected(["size"]));
  });

  it("are mapped one by one when there is a mapping", () => {
    const chunk = chunkOf(4);
    const envelope = builderOf(3, [{ to: "path", source: ["path"] }]).bulk(
      "snapshot",
      [{ chunk, from: 1, to: 3 }],
      [],
      7,
    );
    expect(envelope.events.map(({ rows, fields }) => [rowsOf(rows), fields])).toEqual([
      [[{ path: "/1" }, { path: "/2" }], ["path"]],
    ]);
  });

  it("are no end, and suggest a snapshot if one is needed", () => {
    const ranges = [{ chunk: chunkOf(1), from: 0, to: 1 }];
    expect(builderOf().bulk("snapshot", ranges, [], 7)).toMatchObject({ isEnd: false, snapshotSyncSuggested: false });
    expect(builderOf(3, [], true).bulk("audit", ranges, [], 7)).toMatchObject({ snapshotSyncSuggested: true });
  });

  it("of the driver's own table have the fields that it names, without a look into them", () => {
    const texts = ['{"path":"/a"}'];
    const fieldsIn = (table?: string): readonly string[] | undefined => {
      const chunk = { ...textChunk(texts), ...(table === undefined ? {} : { table }) };
      return builderOf().bulk("snapshot", [{ chunk, from: 0, to: 1 }], [], 7).events[0]?.fields;
    };
    expect([fieldsIn(), fieldsIn("files"), fieldsIn("users")]).toEqual([["path", "size"], ["path", "size"], ["path"]]);
  });

  it("share an event with the fields of its first row", () => {
    const chunks = [['{"path":"/a"}'], ['{"path":"/b","more":1}']].map((texts) => ({
      ...textChunk(texts),
      table: "users",
    }));
    const ranges = chunks.map((chunk) => ({ chunk, from: 0, to: 1 }));
    expect(
      builderOf()
        .bulk("snapshot", ranges, [], 7)
        .events.map(({ fields }) => fields),
    ).toEqual([["path"]]);
  });

  it("that need the lifting form follow in pairs of events", () => {
    const rows = ["/a", "/b"].map((path) => ({ path, modified_time: 5 }));
    expect(shape(builderOf(1).bulk("snapshot", [], rows, 7))).toEqual([
      "snapshot update /a",
      "realtime update /a",
      "snapshot update /b",
      "realtime update /b",
    ]);
  });
});

describe("the completion of a scan", () => {
  it("is neither an end nor a batch, and suggests nothing", () => {
    expect(builderOf(3, [], true).jobComplete({ scan_path: "/a" })).toEqual({
      sourceType: "job_complete",
      events: [],
      isEnd: false,
      snapshotSyncSuggested: false,
      metadata: { scan_path: "/a" },
    });
  });
});

describe("the end of a snapshot", () => {
  it("holds no events and suggests nothing", () => {
    const end = builderOf(3, [], true).end("snapshot");
    expect(end).toEqual({ sourceType: "snapshot", events: [], isEnd: true, snapshotSyncSuggested: false });
    expect(builderOf(3, [], true).live([item("update", "/a")]).snapshotSyncSuggested).toBe(true);
  });
});
