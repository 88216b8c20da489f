import type { AddressInfo } from "node:net";
import { createServer } from "node:net";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { SenderDriver } from "../../../src/sdk/index.ts";
import { type RecordingReceiver, startRecordingReceiver } from "../../support/recording-receiver.ts";
import { calm, oneRow, senderTo, TASK } from "./fusion-fixture.ts";

const failure = async (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    (value) => ({ resolvedWith: value }),
    (error: unknown) => error,
  );

describe("the fusion sender in trouble", () => {
  let receiver: RecordingReceiver;
  let sender: SenderDriver;

  beforeEach(async () => {
    receiver = await startRecordingReceiver();
    ({ sender } = senderTo(receiver));
  });

  afterEach(async () => {
    await sender.close();
    await receiver.close();
  });

  const push = (options = calm()): Promise<unknown> => failure(sender.push("s", oneRow(), options));
  const beat = (options = calm()): Promise<unknown> => failure(sender.heartbeat("s", { canRealtime: true }, options));

  it("says who refused the connection and why", async () => {
    await receiver.close();
    expect(await push()).toMatchObject({
      code: "FUSTOR_SENDER_UNREACHABLE",
      retryable: true,
      message: `cannot reach 127.0.0.1:${receiver.port}: connection refused, nothing listens there (ECONNREFUSED)`,
    });
  });

  it("says so too when the name stands for several addresses", async () => {
    await receiver.close();
    const named = senderTo({ url: `http://localhost:${receiver.port}` }).sender;
    expect(await failure(named.createSession(TASK, calm()))).toMatchObject({
      code: "FUSTOR_SENDER_UNREACHABLE",
      details: { errno: "ECONNREFUSED" },
    });
    await named.close();
  });

  it("says that a name does not resolve", async () => {
    const named = senderTo({ url: "http://no-such-host.invalid:8102" }).sender;
    expect(await failure(named.createSession(TASK, calm()))).toMatchObject({
      code: "FUSTOR_SENDER_UNREACHABLE",
      message: expect.stringMatching(/^cannot reach no-such-host.invalid:8102: the host name/),
    });
    await named.close();
  });

  it.each(["in-request", "after-request", "in-answer"] as const)("survives a reset %s and goes on", async (when) => {
    receiver.next("ingest", { kind: "reset", when });
    expect(await push()).toMatchObject({ code: "FUSTOR_SENDER_UNREACHABLE", retryable: true });
    expect(await push()).toEqual({ resolvedWith: { snapshotNeeded: false } });
  });

  it("gives up on a receiver that says nothing, and uses another connection afterwards", async () => {
    const hasty = senderTo(receiver, { timeoutMs: 150 }).sender;
    receiver.next("ingest", { kind: "silence" });
    expect(await failure(hasty.push("s", oneRow(), calm()))).toMatchObject({
      code: "FUSTOR_SENDER_UNREACHABLE",
      message: `127.0.0.1:${receiver.port} did not answer within 0.15 s`,
    });
    await hasty.push("s", oneRow(), calm());
    const [silent, next] = receiver.of("ingest");
    expect(next?.connection).not.toBe(silent?.connection);
    await hasty.close();
  });

  it("gives up on an answer that trickles beyond the time limit", async () => {
    const hasty = senderTo(receiver, { timeoutMs: 200 }).sender;
    const trickle = { chunkBytes: 1, everyMs: 50 };
    receiver.next("ingest", { kind: "answer", body: { status: "ok", pad: "x".repeat(100) }, trickle });
    expect(await failure(hasty.push("s", oneRow(), calm()))).toMatchObject({ code: "FUSTOR_SENDER_UNREACHABLE" });
    await hasty.close();
  });

  it("takes a slow answer within the time limit", async () => {
    receiver.next("ingest", {
      kind: "answer",
      body: { snapshot_needed: true },
      trickle: { chunkBytes: 4, everyMs: 5 },
    });
    expect(await push()).toEqual({ resolvedWith: { snapshotNeeded: true } });
  });

  it("gives a hanging heartbeat up after a third of the session's timeout", async () => {
    receiver.next("create", { kind: "answer", body: { session_id: "s", session_timeout_seconds: 3 } });
    await sender.createSession(TASK, calm());
    receiver.next("heartbeat", { kind: "silence" });
    expect(await beat()).toMatchObject({ message: expect.stringContaining("within 1 s") });
  });

  it("gives the end of an audit more time than other batches", async () => {
    const hasty = senderTo(receiver, { timeoutMs: 100 }).sender;
    const end = { ...oneRow(), sourceType: "audit", isEnd: true } as const;
    receiver.always("ingest", { kind: "answer", delayMs: 400 });
    expect(await failure(hasty.push("s", oneRow(), calm()))).toMatchObject({ code: "FUSTOR_SENDER_UNREACHABLE" });
    expect(await failure(hasty.push("s", end, calm()))).toEqual({ resolvedWith: { snapshotNeeded: false } });
    await hasty.close();
  });

  it("sends heartbeats past a batch that hangs", async () => {
    receiver.next("ingest", { kind: "stall" });
    const hanging = push();
    await receiver.waitForArrival("ingest", 1);
    expect(await beat()).toMatchObject({ resolvedWith: { role: "leader" } });
    expect(await failure(sender.closeSession("s", calm()))).toEqual({ resolvedWith: undefined });
    expect(receiver.of("ingest")).toHaveLength(0);
    receiver.readOn();
    expect(await hanging).toEqual({ resolvedWith: { snapshotNeeded: false } });
  });

  it.each([
    [{ "retry-after": "2" }, 2000],
    [{ "retry-after": new Date(Date.now() + 200_000).toUTCString() }, 200_000],
  ])("hands on how long it shall wait: %j", async (headers, expected) => {
    receiver.next("ingest", { kind: "answer", status: 503, headers });
    const error = (await push()) as { code: string; retryAfterMs: number };
    expect(error.code).toBe("FUSTOR_SENDER_BUSY");
    expect(Math.abs(error.retryAfterMs - expected)).toBeLessThan(expected === 2000 ? 1 : 60_000);
  });

  it("takes a refused key as such on every route", async () => {
    const refusal = { kind: "answer", status: 401, body: { detail: "Invalid API key" } } as const;
    for (const route of ["create", "heartbeat", "ingest", "delete"] as const) receiver.always(route, refusal);
    const refused = [
      failure(sender.createSession(TASK, calm())),
      beat(),
      push(),
      failure(sender.closeSession("s", calm())),
    ];
    for (const error of await Promise.all(refused)) {
      expect(error).toMatchObject({
        code: "FUSTOR_SENDER_KEY_REFUSED",
        message: expect.stringContaining("Invalid API key"),
      });
    }
  });

  it("does not follow a redirect, and says so", async () => {
    receiver.next("create", { kind: "answer", status: 307, headers: { location: `${receiver.url}/elsewhere` } });
    expect(await failure(sender.createSession(TASK, calm()))).toMatchObject({
      code: "FUSTOR_SENDER_BAD_ANSWER",
      message: expect.stringContaining("redirect"),
    });
    expect(receiver.requests).toHaveLength(1);
  });

  it.each([404, 410, 419])(
    "takes a %i as the loss of the session, but not when it ends the session itself",
    async (status) => {
      for (const route of ["heartbeat", "ingest", "delete"] as const)
        receiver.always(route, { kind: "answer", status });
      expect(await beat()).toMatchObject({ code: "FUSTOR_SESSION_LOST" });
      expect(await push()).toMatchObject({ code: "FUSTOR_SESSION_LOST" });
      expect(await failure(sender.closeSession("s", calm()))).toEqual({ resolvedWith: undefined });
    },
  );

  it.each([
    ["an HTML page", "<html>welcome</html>"],
    ["nothing", ""],
    ["a list", "[]"],
  ])("does not take %s with status 200 for an acknowledgement", async (_what, body) => {
    receiver.always("ingest", { kind: "answer", body });
    receiver.always("heartbeat", { kind: "answer", body });
    receiver.always("create", { kind: "answer", body });
    for (const error of [await push(), await beat(), await failure(sender.createSession(TASK, calm()))]) {
      expect(error).toMatchObject({ code: "FUSTOR_SENDER_BAD_ANSWER", retryable: true });
    }
  });

  it("reads no answer beyond 1 MiB and goes on afterwards", async () => {
    const endless = JSON.stringify({ pad: "x".repeat(3 * 1024 * 1024) });
    receiver.next("ingest", { kind: "answer", body: endless });
    expect(await push()).toMatchObject({
      code: "FUSTOR_SENDER_BAD_ANSWER",
      message: expect.stringContaining("longer than 1 MiB"),
    });
    expect(await push()).toEqual({ resolvedWith: { snapshotNeeded: false } });
  });

  it("says when the other side speaks no HTTP", async () => {
    const babbler = createServer((socket) => {
      socket.on("error", () => undefined);
      socket.resume().end("220 mail.example ESMTP\r\n");
    });
    await new Promise<void>((resolve) => babbler.listen(0, "127.0.0.1", resolve));
    const { port } = babbler.address() as AddressInfo;
    const lost = senderTo({ url: `http://127.0.0.1:${port}` }).sender;
    expect(await failure(lost.createSession(TASK, calm()))).toMatchObject({
      code: "FUSTOR_SENDER_BAD_ANSWER",
      message: expect.stringContaining("does not answer in HTTP"),
    });
    await lost.close();
    await new Promise((resolve) => babbler.close(resolve));
  });

  describe("when it is cancelled", () => {
    it("sends nothing for a signal that is aborted already", async () => {
      expect(await push({ signal: AbortSignal.abort() })).toMatchObject({ code: "FUSTOR_ABORTED", retryable: false });
      expect(await beat({ signal: AbortSignal.abort() })).toMatchObject({ code: "FUSTOR_ABORTED" });
      expect(receiver.requests).toHaveLength(0);
    });

    it("ends a call under way at once", async () => {
      const controller = new AbortController();
      receiver.next("heartbeat", { kind: "silence" });
      const beating = beat(controller);
      await receiver.waitFor("heartbeat", 1);
      controller.abort(new Error("shutting down"));
      expect(await beating).toMatchObject({ code: "FUSTOR_ABORTED" });
    });

    it("ends its calls under way when it is closed, and refuses later ones", async () => {
      receiver.next("ingest", { kind: "silence" });
      const pushing = push();
      await receiver.waitFor("ingest", 1);
      await sender.close();
      await sender.close();
      expect(await pushing).toMatchObject({ code: "FUSTOR_ABORTED" });
      expect(await push()).toMatchObject({ code: "FUSTOR_ABORTED" });
    });
  });
});
