import { beforeEach, describe, expect, it } from "vitest";
import type { Envelope, EnvelopeEvent, RowData } from "../../../../src/sdk/index.ts";
import { EchoSender } from "../../../../src/senders/echo/echo-sender.ts";
import { createRecordingLogger, type RecordingLogger } from "../../../support/recording-logger.ts";

const options = { signal: new AbortController().signal };
const task = { taskId: "agent:pipe", sourceType: "fs", sourceUri: "/data" };

const event = (rows: RowData): EnvelopeEvent => ({
  eventType: "update",
  schema: "fs",
  table: "files",
  fields: ["path"],
  rows,
  index: 1,
  messageSource: "realtime",
});

const batch = (rows: readonly object[], over: Partial<Envelope> = {}): Envelope => ({
  sourceType: "message",
  events: [event({ kind: "objects", rows: rows as Record<string, unknown>[] })],
  isEnd: false,
  snapshotSyncSuggested: false,
  ...over,
});

describe("the echo sender", () => {
  let logger: RecordingLogger;
  let sender: EchoSender;
  let session = "";
  /** Its own lines, without those of sessions. */
  const lines = (): string[] => logger.messages().filter((line) => !line.includes("[SESSION]"));
  const push = (envelope: Envelope, signal = options.signal) => sender.push(session, envelope, { signal });

  beforeEach(async () => {
    logger = createRecordingLogger();
    sender = new EchoSender({ id: "echo-1", logger });
    ({ sessionId: session } = await sender.createSession(task, options));
  });

  it("logs each batch with its phase, its sender, its rows and the rows so far, then the first row", async () => {
    await push(batch([{ path: "/a" }, { path: "/b" }]));
    await push(batch([{ path: "/c" }]));
    expect(lines()).toEqual([
      "[EchoSender] [MESSAGE] Task: echo-1 | rows in this batch: 2 | rows so far: 2",
      '[EchoSender] first row: {"path":"/a"}',
      "[EchoSender] [MESSAGE] Task: echo-1 | rows in this batch: 1 | rows so far: 3",
      '[EchoSender] first row: {"path":"/c"}',
    ]);
    expect(logger.entries.every((entry) => entry.level === "info")).toBe(true);
  });

  it("shows the flags of the end of a snapshot that it was offered, and no row of an empty batch", async () => {
    await push(batch([], { sourceType: "snapshot", isEnd: true, snapshotSyncSuggested: true }));
    expect(lines()).toEqual([
      "[EchoSender] [SNAPSHOT] Task: echo-1 | rows in this batch: 0 | rows so far: 0 | flags: END, SNAPSHOT_END, SNAPSHOT_SUGGESTED",
    ]);
  });

  it("does not call the end of an audit the end of a snapshot", async () => {
    await push(batch([], { sourceType: "audit", isEnd: true }));
    expect(lines()[0]).toMatch(/\[AUDIT\].*flags: END$/);
  });

  it("logs deletes as well", async () => {
    const deletes = { ...event({ kind: "objects", rows: [{ path: "/gone" }] }), eventType: "delete" as const };
    await push(batch([], { events: [deletes] }));
    expect(lines()[1]).toBe('[EchoSender] first row: {"path":"/gone"}');
  });

  it("finds the first of the encoded rows whatever its texts hold", async () => {
    const first = '{"path":"/a}\\"{,","nested":{"deep":{}}}';
    const slices = [Buffer.from(""), Buffer.from(`${first},{"path":"/b"}`)];
    await push(batch([], { events: [event({ kind: "encoded", slices, count: 2 })] }));
    expect(lines()[0]).toContain("rows in this batch: 2");
    expect(lines()[1]).toBe(`[EchoSender] first row: ${first}`);
  });

  it("asks for a snapshot on its very first batch only, closed in between or not", async () => {
    const answers = [await push(batch([])), await push(batch([]))];
    await sender.close();
    ({ sessionId: session } = await sender.createSession(task, options));
    answers.push(await push(batch([])));
    expect(answers.map((answer) => answer.snapshotNeeded)).toEqual([true, false, false]);
  });

  it("counts from nought again after it was closed", async () => {
    await push(batch([{ path: "/a" }]));
    await sender.close();
    ({ sessionId: session } = await sender.createSession(task, options));
    await push(batch([{ path: "/b" }]));
    expect(lines()[2]).toContain("rows so far: 1");
  });

  it("opens sessions as leader with a new id each time, for the time asked for or 30 s", async () => {
    const first = await sender.createSession({ ...task, sessionTimeoutSeconds: 7 }, options);
    const second = await sender.createSession(task, options);
    expect(first).toMatchObject({ role: "leader", sessionTimeoutMs: 7000 });
    expect(second.sessionTimeoutMs).toBe(30_000);
    expect(second.sessionId).not.toBe(first.sessionId);
  });

  it("plays the role it was told, also in heartbeats", async () => {
    const follower = new EchoSender({ id: "e", logger }, { mockRole: "follower", sessionTimeoutSeconds: 5 });
    const opened = await follower.createSession(task, options);
    expect(opened).toMatchObject({ role: "follower", sessionTimeoutMs: 5000 });
    const answer = await follower.heartbeat(opened.sessionId, { canRealtime: true }, options);
    expect(answer).toEqual({ role: "follower", commands: [], snapshotNeeded: false });
  });

  it("holds no position and logs no session id", async () => {
    expect(await sender.getLatestCommittedIndex(session, options)).toBeUndefined();
    await sender.heartbeat(session, { canRealtime: false }, options);
    await sender.closeSession(session, options);
    expect(logger.entries.length).toBe(3);
    expect(JSON.stringify(logger.entries)).not.toContain(session);
  });

  it("knows one session at a time", async () => {
    const earlier = session;
    ({ sessionId: session } = await sender.createSession(task, options));
    const calls = [
      () => sender.push(earlier, batch([{ path: "/a" }]), options),
      () => sender.heartbeat(earlier, { canRealtime: true }, options),
      () => sender.getLatestCommittedIndex(earlier, options),
    ];
    for (const call of calls) await expect(call()).rejects.toMatchObject({ code: "FUSTOR_SESSION_LOST" });
    await sender.closeSession(earlier, options);
    await push(batch([{ path: "/a" }]));
    await sender.closeSession(session, options);
    await expect(push(batch([]))).rejects.toMatchObject({ code: "FUSTOR_SESSION_LOST" });
    expect(lines()).toHaveLength(2);
  });

  it("does nothing for a call that was cancelled", async () => {
    const signal = AbortSignal.abort();
    await expect(push(batch([{ path: "/a" }]), signal)).rejects.toMatchObject({
      code: "FUSTOR_ABORTED",
    });
    expect(lines()).toEqual([]);
  });
});
