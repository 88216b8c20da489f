/** Sessions and batches, and what happens to them when streams, keys and receivers are not as they should be. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { fromBinary, toBinary } from "@bufbuild/protobuf";
import type { Envelope } from "fustor-agent/sdk";
import { expect, onTestFinished, test } from "vitest";
import { waitFor } from "../../../test/support/wait-for.ts";
import { batchParts } from "../src/batch-parts.ts";
import { BatchSchema, RequestSchema } from "../src/gen/fustor/v1/receiver_pb.ts";
import {
  END,
  failureOf,
  KEY,
  live,
  opened,
  openTo,
  REQUEST,
  RecordingDesk,
  row,
  senderTo,
  signal,
  startFusion,
  tlsFile,
} from "./fixture.ts";

const encoder = new TextEncoder();

const bulk = (paths: readonly string[]): Envelope => ({
  sourceType: "snapshot",
  events: [
    {
      ...{ eventType: "update", schema: "fs", table: "files", fields: ["path"], index: 1_700_000_000_001 },
      rows: {
        kind: "encoded",
        slices: paths.map((path) => encoder.encode(JSON.stringify(row(path)))),
        count: paths.length,
      },
      messageSource: "snapshot",
    },
  ],
  isEnd: true,
  snapshotSyncSuggested: true,
});

test.each([1, 7, 100, 262_144])(
  "a batch in parts of %i bytes is the message that protobuf makes of it",
  (partBytes) => {
    const envelope = { ...bulk(["/a", "/ä\u{1f600}", "/c"]), metadata: { job_id: "j" } };
    const parts = batchParts(300, envelope, partBytes).map((bytes) => fromBinary(RequestSchema, bytes));
    const data = parts.map(({ call, kind }) => {
      expect(call).toBe(300);
      if (kind.case !== "part") throw new Error(`a ${kind.case} among the parts`);
      return kind.value;
    });
    expect(data.map(({ isLast }) => isLast)).toEqual(data.map((_, at) => at === data.length - 1));
    const bytes = Buffer.concat(data.map((part) => part.data));
    const batch = fromBinary(BatchSchema, bytes);
    expect(Buffer.from(toBinary(BatchSchema, batch))).toEqual(bytes);
    expect(batch).toMatchObject({
      sourceType: "snapshot",
      isEnd: true,
      isSnapshotEnd: true,
      snapshotSyncSuggested: true,
    });
    expect(batch.metadata).toBe('{"job_id":"j"}');
    expect(batch.events[0]).toMatchObject({
      eventType: "update",
      messageSource: "snapshot",
      index: 1_700_000_000_001n,
    });
    expect(JSON.parse(Buffer.from(batch.events[0]?.rows ?? []).toString())).toEqual(
      ["/a", "/ä\u{1f600}", "/c"].map(row),
    );
  },
);

test("what a session has over HTTP it has over gRPC", async () => {
  const { url } = await startFusion();
  const sender = await senderTo(url);
  expect(await sender.probe?.({ signal })).toMatchObject({ knownAs: "p1" });
  const session = await sender.createSession(REQUEST, { signal });
  expect(session).toEqual({
    ...{ sessionId: expect.any(String), role: "leader", sessionTimeoutMs: 30_000 },
    ...{ auditIntervalMs: 7000, sentinelIntervalMs: 0 },
  });
  const { sessionId } = session;
  expect(await sender.getLatestCommittedIndex(sessionId, { signal })).toBeUndefined();
  expect(await sender.push(sessionId, live([row("/a")], 1_700_000_000_123), { signal })).toEqual({
    snapshotNeeded: false,
  });
  expect(await sender.getLatestCommittedIndex(sessionId, { signal })).toBe(1_700_000_000_123);
  const beat = await sender.heartbeat(sessionId, { canRealtime: true }, { signal });
  expect(beat).toMatchObject({ role: "leader", commands: [], snapshotNeeded: false });
  expect(Math.abs(beat.clockSkewMs ?? 99_999)).toBeLessThan(5000);
  expect(await sender.getSentinelTasks?.(sessionId, { signal })).toBeUndefined();
  const other = await senderTo(url);
  const second = await other.createSession({ ...REQUEST, taskId: "other:p1" }, { signal });
  expect(second.role).toBe("follower");
  await sender.closeSession(sessionId, { signal });
  expect((await other.heartbeat(second.sessionId, { canRealtime: true }, { signal })).role).toBe("leader");
  expect(sender.bytesSent).toBeGreaterThan(100);
});

test("commands, tasks of the sentinel and what was seen of them arrive", async () => {
  const { desk, sender, sessionId } = await opened();
  const { commands } = await sender.heartbeat(sessionId, { canRealtime: true }, { signal });
  expect(commands).toEqual([{ type: "scan", path: "/a" }]);
  expect(await sender.getSentinelTasks?.(sessionId, { signal })).toEqual({ type: "suspect_check", paths: ["/a"] });
  const seen = { path: "/a", mtime: 1.5, size: 5_000_000_000, status: "exists" } as const;
  await sender.sendSentinelFeedback?.(sessionId, [seen], { signal });
  expect(desk.batches).toEqual([{ type: "suspect_update", updates: [seen] }]);
});

test("a stream that broke is replaced, and the session goes on where it was", async () => {
  const desk = new RecordingDesk();
  const first = await openTo(desk);
  const sender = await senderTo(first.url);
  const { sessionId } = await sender.createSession(REQUEST, { signal });
  await sender.push(sessionId, live([row("/a")]), { signal });
  await first.close();
  expect((await failureOf(sender.push(sessionId, live([row("/b")]), { signal }))).code).toBe(
    "FUSTOR_SENDER_UNREACHABLE",
  );
  const again = await openTo(desk, {}, Number(new URL(first.url).port));
  onTestFinished(() => again.close());
  const beats = sender.heartbeat(sessionId, { canRealtime: true }, { signal });
  await Promise.all([beats, sender.push(sessionId, live([row("/b")]), { signal })]);
  expect(desk.rows().map(({ path }) => path)).toEqual(["/a", "/b"]);
  desk.sessions.clear();
  expect((await failureOf(sender.heartbeat(sessionId, { canRealtime: true }, { signal }))).code).toBe(
    "FUSTOR_SESSION_LOST",
  );
  expect((await failureOf(sender.push(sessionId, live([row("/c")]), { signal }))).code).toBe("FUSTOR_SESSION_LOST");
  const { sessionId: next } = await sender.createSession(REQUEST, { signal });
  await sender.push(next, END, { signal });
  // One that an earlier run left behind.
  await sender.closeSession("long-gone", { signal });
  await sender.push(next, END, { signal });
});

const PATHS = Array.from({ length: 10_000 }, (_, at) => `/${"x".repeat(60)}${at}`);

test("a heartbeat does not wait for a batch, nor for the answer to one", async () => {
  const { desk, sender, sessionId } = await opened();
  let open: () => void = () => undefined;
  desk.gate = new Promise((resolve) => {
    open = resolve;
  });
  const batch = sender.push(sessionId, bulk(PATHS), { signal });
  for (let at = 0; at < 3; at++) await sender.heartbeat(sessionId, { canRealtime: true }, { signal });
  expect(desk.rows()).toEqual([]);
  open();
  await batch;
  expect(desk.rows()).toHaveLength(PATHS.length);
});

test("a batch that is cancelled holds nothing, and the next one goes over a new stream", async () => {
  const { desk, sender, sessionId } = await opened();
  const cancel = new AbortController();
  const cancelled = failureOf(sender.push(sessionId, bulk(PATHS), { signal: cancel.signal }));
  await sender.heartbeat(sessionId, { canRealtime: true }, { signal });
  desk.gate = new Promise(() => undefined);
  cancel.abort();
  expect((await cancelled).code).toBe("FUSTOR_ABORTED");
  desk.gate = undefined;
  await sender.push(sessionId, bulk(PATHS), { signal });
  expect(desk.rows().slice(-PATHS.length)).toHaveLength(PATHS.length);
  await waitFor(() => desk.held === 0, { timeoutMs: 5000, what: "no byte of a batch is held" });
});

const REFUSALS = [
  [413, "FUSTOR_BATCH_TOO_LARGE"],
  [422, "FUSTOR_BATCH_REFUSED"],
  [503, "FUSTOR_SENDER_BUSY"],
  [500, "FUSTOR_SENDER_UNREACHABLE"],
  [404, "FUSTOR_SESSION_LOST"],
  [419, "FUSTOR_SESSION_LOST"],
  [401, "FUSTOR_SENDER_KEY_REFUSED"],
] as const;

test.each(REFUSALS)("a batch that is refused with %i is %s", async (status, code) => {
  const { desk, sender, sessionId } = await opened();
  desk.refuses = { status, body: { detail: [{ loc: ["body", 3], msg: `not so, ${KEY}` }] } };
  const failure = await failureOf(sender.push(sessionId, live([row("/a")]), { signal }));
  expect(failure.code).toBe(code);
  expect(failure.message).toContain("body.3: not so, [key]");
  desk.refuses = undefined;
  await sender.push(sessionId, live([row("/a")]), { signal });
});

test("a batch above the receiver's bound is refused in the middle, and smaller ones pass", async () => {
  const { desk, sender, sessionId } = await opened();
  desk.maxBodyBytes = 300_000;
  const paths = Array.from({ length: 20_000 }, (_, at) => `/${at}`);
  expect((await failureOf(sender.push(sessionId, bulk(paths), { signal }))).code).toBe("FUSTOR_BATCH_TOO_LARGE");
  await sender.push(sessionId, bulk(paths.slice(0, 1000)), { signal });
  expect(desk.rows()).toHaveLength(1000);
  expect(desk.held).toBe(0);
});

test("a wrong key, a second agent and a bad request are told apart", async () => {
  const { url } = await startFusion(", allow_concurrent_push: false");
  const wrong = await senderTo(url, { key: "wrong-key" });
  const refused = await failureOf(wrong.createSession(REQUEST, { signal }));
  expect(refused.code).toBe("FUSTOR_SENDER_KEY_REFUSED");
  expect((await failureOf(wrong.probe?.({ signal }) ?? Promise.resolve())).code).toBe("FUSTOR_SENDER_KEY_REFUSED");
  const [one, two] = [await senderTo(url), await senderTo(url)];
  const { sessionId } = await one.createSession(REQUEST, { signal });
  expect((await failureOf(two.createSession(REQUEST, { signal }))).code).toBe("FUSTOR_SESSION_CONFLICT");
  const long = { ...REQUEST, taskId: "x".repeat(2000) };
  expect((await failureOf(two.createSession(long, { signal }))).code).toBe("FUSTOR_SENDER_BAD_ANSWER");
  // With the key of another pipe the session is unknown.
  const stranger = await senderTo(url, { key: "push-key-2" });
  expect((await failureOf(stranger.push(sessionId, END, { signal }))).code).toBe("FUSTOR_SESSION_LOST");
  await one.push(sessionId, END, { signal });
});

test("a port that speaks something else, or TLS that does not fit, is said so", async () => {
  const http = createServer((_, response) => response.end("hello")).listen(0, "127.0.0.1");
  onTestFinished(() => void http.close());
  await waitFor(() => http.listening, { timeoutMs: 5000, what: "the port listens" });
  const plain = await senderTo(`grpc://127.0.0.1:${(http.address() as AddressInfo).port}`);
  expect((await failureOf(plain.createSession(REQUEST, { signal }))).code).toMatch(/UNREACHABLE|BAD_ANSWER/);
  const desk = new RecordingDesk();
  const secure = await openTo(desk, { cert_file: tlsFile("server.pem"), key_file: tlsFile("server.key") });
  onTestFinished(() => secure.close());
  expect(secure.url).toMatch(/^grpcs:/);
  const untrusting = await senderTo(secure.url);
  const failure = await failureOf(untrusting.createSession(REQUEST, { signal }));
  expect(failure).toMatchObject({ code: "FUSTOR_SENDER_UNREACHABLE", message: expect.stringContaining("ca_file") });
  const withoutTls = await senderTo(secure.url.replace("grpcs:", "grpc:"));
  expect((await failureOf(withoutTls.createSession(REQUEST, { signal }))).code).toMatch(/UNREACHABLE|BAD_ANSWER/);
  const other = await openTo(desk, { cert_file: tlsFile("other.pem"), key_file: tlsFile("other.key") });
  onTestFinished(() => other.close());
  const misled = await senderTo(other.url, { params: { ca_file: tlsFile("other.pem") } });
  expect((await failureOf(misled.createSession(REQUEST, { signal }))).code).toBe("FUSTOR_SENDER_UNREACHABLE");
});
