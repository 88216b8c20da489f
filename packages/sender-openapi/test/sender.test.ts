import { describe, expect, it } from "vitest";
import { answers, END, failureOf, live, opened, REQUEST, senderTo, signal, startService } from "./sender-fixture.ts";
import { plainDocument } from "./service.ts";

describe("an envelope", () => {
  it("names agent, task, session and its number, and a repetition has the number of what it repeats", async () => {
    const { service, sender, sessionId } = await opened();
    await sender.push(sessionId, live(), { signal });
    answers(service, "POST /ingest-batch", { status: 500 });
    await failureOf(sender.push(sessionId, END, { signal }));
    service.rule = () => undefined;
    await sender.push(sessionId, END, { signal });
    const names = { agent_id: "agent:7", task_id: "orders", session_id: sessionId };
    const [first, ...ends] = service.of("POST /ingest-batch").map(({ body }) => body);
    const event = {
      event_type: "update",
      event_schema: "fs",
      table: "files",
      message_source: "realtime",
      index: 42,
      fields: ["path"],
      rows: [{ path: "/a" }],
    };
    const flags = { is_end: false, is_snapshot_end: false, snapshot_sync_suggested: true };
    expect(first).toEqual({ ...names, sequence: 1, source_type: "message", ...flags, events: [event] });
    const end = { ...names, sequence: 2, source_type: "snapshot", is_end: true, is_snapshot_end: true, events: [] };
    expect(ends).toEqual([end, end].map((each) => ({ ...each, snapshot_sync_suggested: false })));
    expect(service.of("POST /ingest-batch")[0]?.headers["session-id"]).toBe(sessionId);
  });

  it("joins the slices of rows in bulk, and leaves out empty ones and events without rows", async () => {
    const { service, sender, sessionId } = await opened();
    const [event] = live().events;
    if (event === undefined) throw new Error("there is an event");
    const slices = ['{"path":"/a"},{"path":"/b"}', "", '{"path":"/ä"}'].map((text) => Buffer.from(text));
    const bulk = { ...event, rows: { kind: "encoded", slices, count: 3 } as const };
    const none = { ...event, rows: { kind: "objects", rows: [] } as const };
    await sender.push(sessionId, { ...live(), events: [none, bulk, none, event] }, { signal });
    expect(service.received()).toEqual(["/a", "/b", "/ä", "/a"].map((path) => ({ path })));
    expect(service.of("POST /ingest-batch")[0]?.body?.events).toHaveLength(2);
  });

  it("is answered with snapshot_needed, or with nothing", async () => {
    const { service, sender, sessionId } = await opened();
    answers(service, "POST /ingest-batch", { body: { snapshot_needed: true } });
    expect(await sender.push(sessionId, live(), { signal })).toEqual({ snapshotNeeded: true });
    answers(service, "POST /ingest-batch", { status: 204, body: "" });
    expect(await sender.push(sessionId, live(), { signal })).toEqual({ snapshotNeeded: false });
    expect(sender.bytesSent).toBeGreaterThan(400);
  });
});

describe("a session", () => {
  it("is what the service grants", async () => {
    const service = await startService();
    const granted = { session_id: "s", role: "follower", session_timeout_seconds: 12, audit_interval_sec: 0 };
    answers(service, "POST /session", { body: granted });
    const sender = await senderTo(service.uri);
    const asked = { ...REQUEST, resumes: "before", sessionTimeoutSeconds: 9 };
    expect(await sender.createSession(asked, { signal })).toMatchObject({
      sessionId: "s",
      role: "follower",
      sessionTimeoutMs: 12_000,
      auditIntervalMs: 0,
    });
    expect(service.of("POST /session")[0]?.body).toEqual({
      agent_id: "agent:7",
      task_id: "orders",
      source_type: "fs",
      client_info: { source_uri: "/data" },
      session_timeout_seconds: 9,
      resumes: "before",
    });
    expect(await sender.heartbeat("s", { canRealtime: true }, { signal })).toMatchObject({ role: "follower" });
    await sender.closeSession("s", { signal });
    expect(service.asked.at(-1)?.route).toBe("DELETE /session/s");
  });

  it("is opened and used at paths that hold the names of the stream", async () => {
    const at = "/agents/{agent_id}/tasks/{task_id}";
    const paths = { [`${at}/session`]: { post: {} }, [`${at}/checkpoint`]: { get: {} }, "/batches": { post: {} } };
    const service = await startService({ openapi: "3.1.0", paths });
    const here = "/agents/agent%3A7/tasks/orders";
    answers(service, `POST ${here}/session`, { body: { session_id: "s" } });
    const sender = await senderTo(service.uri);
    expect(await sender.createSession(REQUEST, { signal })).toMatchObject({ sessionId: "s" });
    answers(service, `GET ${here}/checkpoint`, { body: 42 });
    expect(await sender.getLatestCommittedIndex("s", { signal })).toBe(42);
  });

  it("of an earlier run is closed by a sender that has not opened one", async () => {
    const service = await startService();
    answers(service, "DELETE /session/old", { status: 404 });
    await (await senderTo(service.uri)).closeSession("old", { signal });
    expect(service.asked.map(({ route }) => route)).toEqual(["GET /openapi.json", "DELETE /session/old"]);
  });

  it("of a service without sessions is the agent's own, and needs the service to be there", async () => {
    const service = await startService(plainDocument());
    const sender = await senderTo(service.uri);
    const { role, sessionTimeoutMs } = await sender.createSession(REQUEST, { signal });
    expect([role, sessionTimeoutMs]).toEqual(["leader", 30_000]);
    expect(service.of("GET /state")[0]?.query).toEqual({ agent_id: "agent:7", task_id: "orders" });
    answers(service, "GET /state", { status: 500 });
    const { code } = await failureOf(sender.createSession(REQUEST, { signal }));
    expect(code).toBe("FUSTOR_SENDER_UNREACHABLE");
  });
});

describe("the checkpoint", () => {
  it.each([
    [42, 42],
    [{ index: 42 }, 42],
    [0, undefined],
    [-1, undefined],
  ])("%j is %s", async (body, index) => {
    const { service, sender, sessionId } = await opened();
    answers(service, "GET /pipeline-status", { body });
    expect(await sender.getLatestCommittedIndex(sessionId, { signal })).toBe(index);
  });

  it("that is no whole number is an error, and 404 is none", async () => {
    const { service, sender, sessionId } = await opened();
    answers(service, "GET /pipeline-status", { body: { state: "fine" } });
    const { code, message } = await failureOf(sender.getLatestCommittedIndex(sessionId, { signal }));
    expect(code).toBe("FUSTOR_SENDER_BAD_ANSWER");
    expect(message).toContain("/pipeline-status is no whole number");
    answers(service, "GET /pipeline-status", { status: 404 });
    expect(await sender.getLatestCommittedIndex(sessionId, { signal })).toBeUndefined();
  });

  it("that a service has forgotten asks for a snapshot where there are no heartbeats", async () => {
    const { service, sender, sessionId } = await opened(plainDocument());
    const beat = async () => (await sender.heartbeat(sessionId, { canRealtime: true }, { signal })).snapshotNeeded;
    expect(await beat()).toBe(false);
    await sender.push(sessionId, live(42), { signal });
    answers(service, "GET /state", { body: 42 });
    expect(await beat()).toBe(false);
    answers(service, "GET /state", { body: 0 });
    expect(await beat()).toBe(true);
  });
});
