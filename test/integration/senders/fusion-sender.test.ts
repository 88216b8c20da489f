import { randomBytes } from "node:crypto";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  type ReceiverRoute,
  type RecordingReceiver,
  startRecordingReceiver,
} from "../../support/recording-receiver.ts";
import { calm, envelopeOf, KEY, oneRow, type SenderUnderTest, senderTo, TASK } from "./fusion-fixture.ts";

describe("the fusion sender", () => {
  let receiver: RecordingReceiver;
  let under: SenderUnderTest;

  beforeEach(async () => {
    receiver = await startRecordingReceiver();
    under = senderTo(receiver);
  });

  afterEach(async () => {
    await under.sender.close();
    await receiver.close();
  });

  it("asks for a session at the path with the slash, with its key and without null members", async () => {
    const session = await under.sender.createSession(TASK, calm());
    expect(session).toMatchObject({ role: "leader", sessionTimeoutMs: 30_000 });
    expect(session).not.toHaveProperty("auditIntervalMs");
    const [request] = receiver.requests;
    expect(request).toMatchObject({ method: "POST", path: "/api/v1/pipe/session/" });
    expect(request?.headers).toMatchObject({ "x-api-key": KEY, "content-type": "application/json" });
    expect(request?.json()).toEqual({
      task_id: "agent-1:pipe-1",
      source_type: "fs",
      client_info: { source_uri: "/data/research" },
    });
  });

  it("asks for a timeout in whole seconds", async () => {
    await under.sender.createSession({ ...TASK, sessionTimeoutSeconds: 2.5 }, calm());
    expect(receiver.requests[0]?.body.toString()).toMatch(/"session_timeout_seconds":3[,}]/);
  });

  it("keeps a path before the API of the receiver", async () => {
    const behind = senderTo({ url: `${receiver.url}/proxy/` });
    await expect(behind.sender.createSession(TASK, calm())).rejects.toMatchObject({ code: "FUSTOR_SENDER_BAD_ANSWER" });
    await behind.sender.close();
    expect(receiver.requests[0]?.path).toBe("/proxy/api/v1/pipe/session/");
  });

  it("speaks every route of a session's life, heartbeats and batches on a connection of their own", async () => {
    const { sender } = under;
    const { sessionId } = await sender.createSession(TASK, calm());
    expect(await sender.getLatestCommittedIndex(sessionId, calm())).toBeUndefined();
    await sender.heartbeat(sessionId, { canRealtime: false }, calm());
    for (let batch = 0; batch < 5; batch++) await sender.push(sessionId, oneRow(), calm());
    await sender.heartbeat(sessionId, { canRealtime: true }, calm());
    await sender.closeSession(sessionId, calm());
    expect(receiver.requests.map(({ method, path }) => `${method} ${path.replace(sessionId, "SID")}`)).toEqual([
      "POST /api/v1/pipe/session/",
      "GET /api/v1/pipe/session/SID/position",
      "POST /api/v1/pipe/session/SID/heartbeat",
      ...Array.from({ length: 5 }, () => "POST /api/v1/pipe/ingest/SID/events"),
      "POST /api/v1/pipe/session/SID/heartbeat",
      "DELETE /api/v1/pipe/session/SID",
    ]);
    expect(receiver.of("heartbeat").map((request) => request.json())).toEqual([
      { can_realtime: false },
      { can_realtime: true },
    ]);
    const connectionsOf = (...routes: ReceiverRoute[]): number[] => [
      ...new Set(routes.flatMap((route) => receiver.of(route).map((request) => request.connection))),
    ];
    const used = [connectionsOf("create", "position", "delete"), connectionsOf("heartbeat"), connectionsOf("ingest")];
    expect(used.map((connections) => connections.length)).toEqual([1, 1, 1]);
    expect(new Set(used.flat()).size).toBe(3);
    expect(receiver.requests.every((request) => request.headers["x-api-key"] === KEY)).toBe(true);
  });

  it("reads position, role, commands, intervals and the wishes for a snapshot", async () => {
    const { sender } = under;
    const commands = [{ type: "scan", path: "/d", recursive: true, job_id: "j-1", created_at: 1.5 }];
    receiver.next("create", {
      kind: "answer",
      body: { session_id: "s", role: "follower", session_timeout_seconds: 60, audit_interval_sec: 600.0 },
    });
    receiver.next("position", { kind: "answer", body: { index: 42 } });
    receiver.next("heartbeat", {
      kind: "answer",
      body: { status: "ok", role: "leader", commands, snapshot_needed: true },
    });
    receiver.next("ingest", { kind: "answer", body: { status: "ok", snapshot_needed: true } });
    expect(await sender.createSession(TASK, calm())).toEqual({
      sessionId: "s",
      role: "follower",
      sessionTimeoutMs: 60_000,
      auditIntervalMs: 600_000,
    });
    expect(await sender.getLatestCommittedIndex("s", calm())).toBe(42);
    const answer = await sender.heartbeat("s", { canRealtime: true }, calm());
    expect(answer).toMatchObject({ role: "leader", commands, snapshotNeeded: true });
    expect(await sender.push("s", oneRow(), calm())).toEqual({ snapshotNeeded: true });
    expect(await sender.push("s", oneRow(), calm())).toEqual({ snapshotNeeded: false });
  });

  it("asks who owns the key without opening anything, and tells how far the far clock is from ours", async () => {
    const date = new Date(Date.now() - 90_000).toUTCString();
    receiver.next("other", { kind: "answer", headers: { date }, body: { view_id: "pipe-1", status: "authorized" } });
    const probe = await under.sender.probe?.(calm());
    expect(probe?.knownAs).toBe("pipe-1");
    expect(Math.abs((probe?.clockSkewMs ?? 0) + 90_000)).toBeLessThan(5000);
    expect(receiver.requests.map(({ method, path }) => `${method} ${path}`)).toEqual([
      "GET /api/v1/pipe/session/",
      "GET /api/v1/pipe/consistency/sentinel/tasks",
    ]);
  });

  it("takes a refusal of either question for one of the key, and nothing else of the second one", async () => {
    const refused = { kind: "answer", status: 403, body: { detail: "reads only" } } as const;
    receiver.next("other", refused);
    await expect(under.sender.probe?.(calm())).rejects.toMatchObject({ code: "FUSTOR_SENDER_KEY_REFUSED" });
    receiver.next("other", { kind: "answer", body: {} }, refused);
    await expect(under.sender.probe?.(calm())).rejects.toMatchObject({ code: "FUSTOR_SENDER_KEY_REFUSED" });
    receiver.next("other", { kind: "answer", body: {} }, { kind: "answer", status: 404 });
    expect(await under.sender.probe?.(calm())).toHaveProperty("clockSkewMs");
    receiver.next("other", { kind: "answer", status: 404 });
    await expect(under.sender.probe?.(calm())).rejects.toMatchObject({ code: "FUSTOR_SENDER_BAD_ANSWER" });
  });

  it.each([404, 405, 500, 401])("holds a position as unknown when its route answers %i", async (status) => {
    receiver.next("position", { kind: "answer", status, body: { index: 7 } });
    expect(await under.sender.getLatestCommittedIndex("s", calm())).toBeUndefined();
  });

  it("tells how far the far clock is from ours", async () => {
    const date = new Date(Date.now() + 3_600_000).toUTCString();
    receiver.next("heartbeat", { kind: "answer", headers: { date }, body: { status: "ok", role: "leader" } });
    const { clockSkewMs } = await under.sender.heartbeat("s", { canRealtime: true }, calm());
    expect(Math.abs((clockSkewMs ?? 0) - 3_600_000)).toBeLessThan(2000);
  });

  it("sends every row of 100 events of 100 encoded rows, byte for byte, with its exact length", async () => {
    const row = (n: number): string => JSON.stringify({ path: `/d/ü-${n}`, size: n });
    const events = Array.from({ length: 100 }, (_, e) => {
      const text = Array.from({ length: 100 }, (__, r) => row(e * 100 + r)).join(",");
      return { slices: [Buffer.from(text)], count: 100, kind: "encoded" } as const;
    });
    const envelope = { ...oneRow(), events: events.flatMap((rows) => envelopeOf(rows).events) };
    await under.sender.push("s", envelope, calm());
    const [request] = receiver.of("ingest");
    expect(request?.headers["content-length"]).toBe(String(request?.rawBody.byteLength));
    expect(request?.headers["transfer-encoding"]).toBeUndefined();
    const sent = request?.json() as { events: { rows: { size: number }[] }[] };
    expect(sent.events.flatMap((event) => event.rows.map(({ size }) => size))).toEqual(
      Array.from({ length: 10_000 }, (_, n) => n),
    );
  });

  it("sends bodies of changing sizes one after the other without a trace of the one before", async () => {
    for (const size of [200_000, 10, 70_000, 0, 500_000]) {
      const path = `/${randomBytes(size >> 1).toString("hex")}`;
      await under.sender.push("s", oneRow(path), calm());
      expect(receiver.of("ingest").at(-1)?.json()).toMatchObject({ events: [{ rows: [{ path }] }] });
    }
  });

  it("logs neither the key nor a whole session id, whatever the receiver repeats", async () => {
    const { sender, logger } = under;
    const { sessionId } = await sender.createSession(TASK, calm());
    const detail = `Session ${sessionId} not found or expired, key ${KEY}`;
    receiver.next("ingest", { kind: "answer", status: 404, body: { detail } });
    receiver.next("heartbeat", { kind: "answer", status: 500, body: detail });
    const failures = await Promise.all([
      sender.push(sessionId, oneRow(), calm()).catch((error: unknown) => error),
      sender.heartbeat(sessionId, { canRealtime: true }, calm()).catch((error: unknown) => error),
    ]);
    await sender.closeSession(sessionId, calm());
    const said = failures.map((error) => `${(error as Error).message} ${JSON.stringify(error)}`).join(" ");
    expect(said).toContain("not found or expired");
    expect(logger.entries.length).toBe(4);
    expect(said + JSON.stringify(logger.entries)).not.toContain(KEY);
    expect(said + JSON.stringify(logger.entries)).not.toContain(sessionId);
  });

  it("escapes a session id in paths", async () => {
    await under.sender.heartbeat("../a b?c", { canRealtime: true }, calm());
    expect(receiver.of("heartbeat")[0]?.path).toBe("/api/v1/pipe/session/..%2Fa%20b%3Fc/heartbeat");
  });

  describe("with a receiver that invites gzip", () => {
    const many = envelopeOf({ kind: "objects", rows: Array.from({ length: 500 }, (_, n) => ({ path: `/d/${n}` })) });

    const invite = (): void =>
      receiver.next("create", {
        kind: "answer",
        headers: { "accept-encoding": "gzip" },
        body: { session_id: "s", role: "leader" },
      });

    it("compresses batches, but not what is too small for it", async () => {
      invite();
      await under.sender.createSession(TASK, calm());
      await under.sender.push("s", many, calm());
      await under.sender.push("s", oneRow(), calm());
      const [large, small] = receiver.of("ingest");
      expect(large?.headers["content-encoding"]).toBe("gzip");
      expect(large?.headers["content-length"]).toBe(String(large?.rawBody.byteLength));
      expect(large?.rawBody.byteLength).toBeLessThan((large?.body.byteLength ?? 0) / 3);
      expect(large?.json()).toMatchObject({ events: [{ rows: expect.objectContaining({ length: 500 }) }] });
      expect(small?.headers["content-encoding"]).toBeUndefined();
      expect(under.sender.bytesSent).toBe((large?.rawBody.byteLength ?? 0) + (small?.rawBody.byteLength ?? 0));
    });

    it("does not when it is told never to", async () => {
      const plain = senderTo(receiver, { gzip: "never" });
      invite();
      await plain.sender.createSession(TASK, calm());
      await plain.sender.push("s", many, calm());
      await plain.sender.close();
      expect(receiver.of("ingest")[0]?.headers["content-encoding"]).toBeUndefined();
    });

    it("stops when the receiver refuses the coding after all", async () => {
      invite();
      await under.sender.createSession(TASK, calm());
      receiver.next("ingest", { kind: "answer", status: 415 });
      await expect(under.sender.push("s", many, calm())).rejects.toMatchObject({ retryable: true });
      await under.sender.push("s", many, calm());
      expect(receiver.of("ingest")[1]?.headers["content-encoding"]).toBeUndefined();
    });
  });

  it("compresses nothing uninvited", async () => {
    await under.sender.createSession(TASK, calm());
    await under.sender.push("s", oneRow("/x".repeat(10_000)), calm());
    expect(receiver.of("ingest")[0]?.headers["content-encoding"]).toBeUndefined();
  });
});
