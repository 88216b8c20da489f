import { describe, expect, it } from "vitest";
import type { Row } from "../../../src/sdk/index.ts";
import type { ReceivedEnvelope } from "../../support/faulty-sender.ts";
import { PipeHarness, until } from "../../support/pipe-harness.ts";

const other = { taskId: "other", sourceType: "fs", sourceUri: "/" };
const livePushes = (harness: PipeHarness): ReceivedEnvelope[] =>
  harness.sender.pushes.filter((push) => push.sourceType === "message");
const livePaths = (harness: PipeHarness): string[] =>
  harness.sender.accepted
    .filter((push) => push.sourceType === "message")
    .flatMap((push) => push.events.flatMap((event) => event.rows.map((row) => String(row.path))));
const shape = (push: ReceivedEnvelope | undefined): string[] =>
  (push?.events ?? []).map(
    (event) => `${event.messageSource} ${event.eventType} ${event.rows.map((row) => row.path).join(" ")}`,
  );

async function settled(options: ConstructorParameters<typeof PipeHarness>[0] = {}): Promise<PipeHarness> {
  const harness = new PipeHarness(options);
  await harness.start();
  await until(() => harness.isSettled);
  return harness;
}

describe("live changes", () => {
  it("of one millisecond all arrive, once and in order", async () => {
    const harness = await settled();
    const paths = Array.from({ length: 250 }, (_, i) => `/f${i}`);
    for (const path of paths) harness.source.write(path, 1);
    await until(() => livePaths(harness).length >= 250);
    expect(livePaths(harness)).toEqual(paths);
    const indexes = livePushes(harness).flatMap((push) => push.events.map((event) => event.index));
    expect(indexes).toEqual([...new Set(indexes)].sort((a, b) => a - b));
  });

  it("that a pipe could not send before its session was lost are sent in the next one", async () => {
    const harness = await settled();
    harness.fusion.createSession(other);
    harness.source.write("/doomed", 1);
    await until(() => harness.fusion.view.has("/doomed"));
    harness.sender.setFaults((call) =>
      call === "push" ? { kind: "fail", code: "FUSTOR_SENDER_UNREACHABLE" } : undefined,
    );
    harness.source.remove("/doomed");
    await until(() => livePushes(harness).length > 2);
    harness.fusion.expire(harness.fusion.sessions[0] as string);
    harness.sender.noFaults();
    await until(() => !harness.fusion.view.has("/doomed"));
    expect(harness.fusion.resets).toBe(0);
  });

  it("become insert, update and delete events with the fields of their rows", async () => {
    const harness = await settled();
    harness.source.mkdir("/d");
    harness.source.write("/d/a", 1);
    harness.source.remove("/d/a");
    harness.source.write("/d/b", 2);
    harness.source.write("/d/b", 3);
    await until(() => harness.fusion.view.get("/d/b")?.size === 3);
    const events = livePushes(harness).flatMap((push) => push.events);
    expect(shape(livePushes(harness)[0])).toEqual([
      "realtime insert /d /d/a",
      "realtime delete /d/a",
      "realtime insert /d/b",
      "realtime update /d/b",
    ]);
    expect(events[1]).toMatchObject({ fields: ["path"], rows: [{ path: "/d/a" }] });
    expect(events[0]?.fields).toEqual(["path", "file_name", "size", "modified_time", "created_time", "is_directory"]);
  });

  it("keep within the rows of an event and the events of a POST", async () => {
    const harness = await settled({ settings: { batchEvents: 3, eventRows: 4 } });
    for (let i = 0; i < 100; i++) {
      harness.source.write(`/f${i}`, 1);
      if (i % 5 === 0) harness.source.remove(`/f${i}`);
    }
    await until(() => harness.differences().length === 0);
    const pushes = livePushes(harness);
    expect(Math.max(...pushes.map((push) => push.events.length))).toBe(3);
    expect(Math.max(...pushes.flatMap((push) => push.events.map((event) => event.rows.length)))).toBe(4);
  });

  it("are mapped afresh at every attempt and leave the shared rows alone", async () => {
    const fieldsMapping = [
      { to: "path", source: ["path"] },
      { to: "about.bytes", source: ["size:string"] },
    ];
    const harness = new PipeHarness({ settings: { fieldsMapping } });
    await harness.start();
    await until(() => harness.pipe.status().snapshot === "complete");
    const lease = await harness.pool.acquire("fake", () => harness.source, { maxChanges: 10, maxBytes: 1_000 });
    let failures = 0;
    harness.sender.setFaults((call) =>
      call === "push" && failures++ < 1 ? { kind: "fail", code: "FUSTOR_SENDER_UNREACHABLE" } : undefined,
    );
    harness.source.write("/a", 12);
    await until(() => livePushes(harness).length === 2);
    const [first, second] = livePushes(harness);
    expect(second?.events).toEqual(first?.events);
    expect(second?.events[0]?.rows).toEqual([{ path: "/a", about: { bytes: "12" } }]);
    const batch = lease.bus.take(10, 1_000);
    expect(batch).toMatchObject({ kind: "batch", changes: [{ row: { path: "/a", size: 12 } }] });
    await lease.release();
  });

  it("are mapped in bulk as well", async () => {
    const harness = new PipeHarness({ settings: { fieldsMapping: [{ to: "where", source: ["path"] }] } });
    harness.source.write("/a", 1, 1, true);
    await harness.start();
    await until(() => harness.pipe.status().snapshot === "complete");
    const rows = harness.sender.accepted.flatMap((push) => push.events.flatMap((event) => event.rows));
    expect(rows).toEqual([{ where: "/" }, { where: "/a" }]);
  });
});

describe("two pipes on one source", () => {
  it("with different mappings each get all of their own fields", async () => {
    const first = new PipeHarness({ settings: { fieldsMapping: [{ to: "p", source: ["path"] }] } });
    const second = new PipeHarness({ beside: first });
    await Promise.all([first.start(), second.start()]);
    await until(() => second.isSettled && first.pipe.status().snapshot === "complete");
    first.source.write("/a", 7);
    await until(() => livePushes(first).length > 0 && livePushes(second).length > 0);
    expect(livePushes(first)[0]?.events[0]?.rows).toEqual([{ p: "/a" }]);
    expect(livePushes(second)[0]?.events[0]?.rows).toMatchObject([{ path: "/a", size: 7 }]);
  });

  it("do not wait for each other: the one whose receiver answers stays up to date", async () => {
    const slow = new PipeHarness({ bus: { maxChanges: 50, maxBytes: 1e6 } });
    const fast = new PipeHarness({ beside: slow });
    await Promise.all([slow.start(), fast.start()]);
    await until(() => slow.isSettled && fast.isSettled);
    slow.sender.setFaults((call) => (call === "push" ? { kind: "hang" } : undefined));
    for (let i = 0; i < 300; i++) {
      slow.source.write(`/f${i % 90}`, i);
      if (i % 10 === 9) await until(() => fast.pipe.status().backlog === 0 && fast.differences().length === 0);
    }
    await until(() => fast.differences().length === 0);
    expect(slow.lease.busStatus()).toMatchObject({ overflows: 1, losses: 0 });
  });
});

describe("a receiver that is too slow for the queue", () => {
  const bus = { maxChanges: 50, maxBytes: 1e6, maxCoalesced: 5_000 };

  async function freeze(harness: PipeHarness): Promise<void> {
    harness.sender.setFaults((call) => (call === "push" ? { kind: "fail", code: "FUSTOR_SENDER_BUSY" } : undefined));
    harness.source.write("/first", 1);
    await until(() => harness.pipe.status().failures > 0);
  }

  it("gets the last state of each path, in the same session and without a snapshot", async () => {
    const harness = await settled({ bus });
    harness.source.mkdir("/gone");
    harness.source.write("/gone/a", 1);
    await until(() => harness.differences().length === 0);
    await freeze(harness);
    for (let i = 0; i < 2_000; i++) {
      harness.source.write(`/f${i % 100}`, i);
      if (i % 100 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    harness.source.remove("/gone");
    harness.source.mkdir("/gone");
    harness.source.write("/gone/b", 1);
    await until(() => harness.lease.busStatus().overflows > 0);
    const sent = livePaths(harness).length;
    harness.sender.noFaults();
    await until(
      () => harness.differences().length === 0,
      () => harness.differences(),
    );
    expect(livePaths(harness).length - sent).toBeLessThan(400);
    expect(harness.sender.callsTo("createSession")).toHaveLength(1);
    expect(harness.source.snapshots).toBe(1);
    expect(harness.pipe.status().changesLost).toBe(0);
  });

  it("gets one snapshot more when even that is too much, and the stream goes on", async () => {
    const harness = await settled({ bus: { ...bus, maxCoalesced: 60 } });
    await freeze(harness);
    for (let i = 0; i < 500; i++) {
      harness.source.write(`/f${i}`, i);
      if (i % 20 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    await until(() => harness.lease.busStatus().losses > 0);
    harness.sender.noFaults();
    await until(
      () => harness.differences().length === 0 && harness.isSettled,
      () => harness.differences(),
    );
    expect(harness.source.snapshots).toBeGreaterThan(1);
    expect(harness.sender.callsTo("createSession")).toHaveLength(1);
    harness.source.write("/after", 1);
    await until(() => harness.fusion.view.has("/after"));
  });
});

describe("a live stream that ends", () => {
  for (const [how, error] of [
    ["with an error", new Error("no more watches")],
    ["as if it were finished", undefined],
  ] as const) {
    it(`${how} shows in the state and is opened again, with a snapshot for what was missed`, async () => {
      const harness = await settled();
      harness.source.breakStream(error);
      await until(() => harness.pipe.status().state === "waiting_for_source");
      harness.source.write("/missed", 1, Date.now() / 1000, true);
      await until(() => harness.source.streams.length === 2);
      await until(() => harness.isSettled && harness.differences().length === 0);
      harness.source.write("/after", 1);
      await until(() => harness.fusion.view.has("/after"));
      expect(harness.source.snapshots).toBe(2);
      expect(harness.pipe.status().state).toBe("running");
    });
  }
});

describe("a path that was deleted and exists again", () => {
  const row = (push: ReceivedEnvelope | undefined, event: number): Row => push?.events[event]?.rows[0] as Row;

  it("goes out in one POST: far in the future as a snapshot row, then as it is", async () => {
    const harness = await settled();
    harness.source.write("/a", 5, 1_600_000_000);
    harness.source.remove("/a");
    await until(() => livePushes(harness).length > 0 && harness.isSettled);
    harness.source.write("/a", 5, 1_600_000_000);
    await until(() => harness.fusion.view.has("/a"));
    const push = livePushes(harness).at(-1);
    expect(shape(push)).toEqual(["snapshot update /a", "realtime update /a"]);
    expect(Number(row(push, 0).modified_time)).toBeGreaterThan(Date.now() / 1000 + 0.99e8);
    expect(row(push, 1)).toMatchObject({ path: "/a", size: 5, modified_time: 1_600_000_000 });
    expect(harness.differences()).toEqual([]);
    harness.source.write("/a", 6, 1_600_000_000);
    await until(() => harness.fusion.view.get("/a")?.size === 6);
    expect(shape(livePushes(harness).at(-1))).toEqual(["realtime update /a"]);
  });

  it("within one batch is deleted, lifted and shown in the same POST", async () => {
    const harness = await settled();
    harness.source.write("/a", 1, 1_600_000_000);
    harness.source.remove("/a");
    harness.source.write("/a", 2, 1_600_000_000);
    await until(() => harness.fusion.view.has("/a"));
    expect(shape(livePushes(harness).at(-1))).toEqual([
      "realtime insert /a",
      "realtime delete /a",
      "snapshot update /a",
      "realtime update /a",
    ]);
    expect(harness.differences()).toEqual([]);
  });

  it("keeps that form in every attempt, also when the answer to the delete was lost", async () => {
    const harness = await settled();
    harness.source.write("/a", 1, 1_600_000_000);
    await until(() => harness.fusion.view.has("/a"));
    let faults = 0;
    harness.sender.setFaults((call) => (call === "push" && faults++ % 2 === 0 ? { kind: "answer_lost" } : undefined));
    harness.source.remove("/a");
    await until(() => livePushes(harness).length === 3);
    harness.source.write("/a", 1, 1_600_000_000);
    await until(() => livePushes(harness).length === 5);
    const [first, second] = livePushes(harness).slice(3);
    expect(shape(first)).toEqual(["snapshot update /a", "realtime update /a"]);
    expect(second?.events).toEqual(first?.events);
    expect(harness.differences()).toEqual([]);
  });

  it("keeps that form in the next session when its session was lost before it was accepted", async () => {
    const harness = await settled();
    harness.fusion.createSession(other);
    harness.source.write("/a", 1, 1_600_000_000);
    harness.source.remove("/a");
    await until(() => livePushes(harness).length > 0 && harness.isSettled);
    harness.sender.setFaults((call) => (call === "push" ? { kind: "fail", code: "FUSTOR_SESSION_LOST" } : undefined));
    harness.source.write("/a", 1, 1_600_000_000);
    await until(() => harness.sender.callsTo("createSession").length === 2);
    harness.sender.noFaults();
    await until(
      () => harness.differences().length === 0,
      () => harness.differences(),
    );
  });

  it("is lifted by the snapshot when the change that announced it was lost", async () => {
    const harness = await settled();
    harness.source.write("/a", 1, 1_600_000_000);
    harness.source.remove("/a");
    await until(() => livePushes(harness).length > 0 && harness.isSettled);
    harness.source.breakStream(new Error("gap"));
    await until(() => harness.pipe.status().state === "waiting_for_source");
    harness.source.write("/a", 3, 1_600_000_000, true);
    await until(
      () => harness.source.snapshots === 2 && harness.isSettled && harness.differences().length === 0,
      () => harness.differences(),
    );
  });
});
