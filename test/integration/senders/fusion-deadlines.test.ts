import { readFileSync } from "node:fs";
import { createServer } from "node:net";
import { join, resolve } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import type { SenderDriver } from "../../../src/sdk/index.ts";
import { attemptMs } from "../../../src/senders/fusion/connect.ts";
import { startDroppingPort, startLine } from "../../support/dead-lines.ts";
import { type RecordingReceiver, startRecordingReceiver } from "../../support/recording-receiver.ts";
import { waitFor } from "../../support/wait-for.ts";
import { calm, oneRow, senderTo, TASK } from "./fusion-fixture.ts";

const FOLDER = resolve(import.meta.dirname, "../../fixtures/tls");
const text = (name: string): string => readFileSync(join(FOLDER, name), "utf8");
const RIGHT = { key: text("server.key"), cert: text("server.pem") };
const WRONG = { key: text("other.key"), cert: text("other.pem") };
const CA = `${text("ca.pem")}${text("other.pem")}`;

/** What a call that has to fail fails with, and after how long. */
async function failureOf(
  call: Promise<unknown>,
): Promise<{ readonly code: string; readonly message: string; ms: number }> {
  const begin = performance.now();
  const error = await call.then(
    (value) => ({ code: "NONE", message: `resolved with ${JSON.stringify(value)}` }),
    (reason: { code: string; message: string }) => reason,
  );
  return { code: error.code, message: error.message, ms: performance.now() - begin };
}

/** Far above what a busy machine needs, far below what the faults of old cost. */
const SOON_MS = 3_000;

type Route = "session" | "heartbeat" | "bulk";

const ROUTES: readonly Route[] = ["session", "heartbeat", "bulk"];

function ask(sender: SenderDriver, route: Route, options = calm()): Promise<unknown> {
  if (route === "session") return sender.createSession(TASK, options);
  if (route === "heartbeat") return sender.heartbeat("s", { canRealtime: true }, options);
  return sender.push("s", oneRow(), options);
}

async function secureReceiver(tls = RIGHT): Promise<RecordingReceiver> {
  const receiver = await startRecordingReceiver({ tls });
  onTestFinished(() => receiver.close());
  return receiver;
}

function closing(sender: SenderDriver): SenderDriver {
  onTestFinished(() => sender.close());
  return sender;
}

describe.each(ROUTES)("the %s connection of a sender", (route) => {
  it("goes on as soon as the certificate is right, however often it was for another host", async () => {
    const receiver = await secureReceiver(WRONG);
    const sender = closing(senderTo(receiver, { ca: CA, timeoutMs: 2_000 }).sender);
    for (let attempt = 0; attempt < 3; attempt++) {
      expect(await failureOf(ask(sender, route))).toMatchObject({
        code: "FUSTOR_SENDER_UNREACHABLE",
        message: expect.stringContaining("ERR_TLS_CERT_ALTNAME_INVALID"),
      });
    }
    receiver.present(RIGHT);
    await ask(sender, route);
    expect(receiver.requests).toHaveLength(1);
  });

  it("gives a handshake up in time, cancels one at once, and works when the line speaks again", async () => {
    const receiver = await secureReceiver();
    const line = await startLine(receiver.port);
    onTestFinished(() => line.close());
    const sender = closing(senderTo({ url: `https://127.0.0.1:${line.port}` }, { ca: CA, timeoutMs: 500 }).sender);
    line.silence();
    const late = await failureOf(ask(sender, route));
    expect(late).toMatchObject({
      code: "FUSTOR_SENDER_UNREACHABLE",
      message: expect.stringContaining("TLS handshake"),
    });
    expect(late.ms).toBeLessThan(SOON_MS);
    const patient = closing(senderTo({ url: `https://127.0.0.1:${line.port}` }, { ca: CA, timeoutMs: 60_000 }).sender);
    const cancelled = failureOf(ask(patient, route, { signal: AbortSignal.timeout(200) }));
    expect(await cancelled).toMatchObject({ code: "FUSTOR_ABORTED" });
    expect((await cancelled).ms).toBeLessThan(SOON_MS);
    line.speak();
    await ask(sender, route);
    await ask(patient, route);
  });

  it("keeps its time and ends at once when every packet is dropped", async () => {
    const port = await startDroppingPort();
    onTestFinished(() => port.close());
    const url = `http://127.0.0.1:${port.port}`;
    const sender = closing(senderTo({ url }, { timeoutMs: 400 }).sender);
    const late = await failureOf(ask(sender, route));
    expect(late).toMatchObject({
      code: "FUSTOR_SENDER_UNREACHABLE",
      message: expect.stringContaining("no connection"),
    });
    expect(late.ms).toBeLessThan(SOON_MS);
    const patient = senderTo({ url }, { timeoutMs: 60_000 }).sender;
    const cancelled = await failureOf(ask(patient, route, { signal: AbortSignal.timeout(200) }));
    expect(cancelled).toMatchObject({ code: "FUSTOR_ABORTED" });
    expect(cancelled.ms).toBeLessThan(SOON_MS);
    const closed = failureOf(ask(patient, route));
    await patient.close();
    expect(await closed).toMatchObject({ code: "FUSTOR_ABORTED" });
    expect((await closed).ms).toBeLessThan(SOON_MS);
  });

  it("opens another connection after its own fell silent", async () => {
    const receiver = await startRecordingReceiver();
    onTestFinished(() => receiver.close());
    const line = await startLine(receiver.port);
    onTestFinished(() => line.close());
    const sender = closing(senderTo({ url: `http://127.0.0.1:${line.port}` }, { timeoutMs: 500 }).sender);
    await ask(sender, route);
    line.silence();
    expect(await failureOf(ask(sender, route))).toMatchObject({ code: "FUSTOR_SENDER_UNREACHABLE" });
    line.speak();
    await ask(sender, route);
    expect(new Set(receiver.requests.map(({ connection }) => connection)).size).toBe(2);
  });
});

describe("requests of one connection", () => {
  it("that wait for their turn end in time, and those behind them still get theirs", async () => {
    const receiver = await startRecordingReceiver();
    onTestFinished(() => receiver.close());
    const sender = closing(senderTo(receiver, { timeoutMs: 60_000 }).sender);
    receiver.next("create", { kind: "answer", delayMs: 600, body: { session_id: "s" } });
    const first = sender.createSession(TASK, calm());
    const second = failureOf(sender.createSession(TASK, { signal: AbortSignal.timeout(100) }));
    const third = sender.createSession(TASK, calm());
    expect(await second).toMatchObject({ code: "FUSTOR_ABORTED" });
    expect(await first).toMatchObject({ sessionId: "s" });
    expect(await third).toMatchObject({ role: "leader" });
    expect(receiver.of("create")).toHaveLength(2);
  });

  it("leave no socket behind once the sender is closed", async () => {
    const held = new Set<unknown>();
    const mute = createServer((socket) => {
      held.add(socket);
      socket.resume();
      socket.on("error", () => undefined).once("close", () => held.delete(socket));
    });
    await new Promise<void>((done) => mute.listen(0, "127.0.0.1", done));
    onTestFinished(() => void mute.close());
    const { port } = mute.address() as { port: number };
    const { sender } = senderTo({ url: `https://127.0.0.1:${port}` }, { ca: CA, timeoutMs: 60_000 });
    const calls = ROUTES.map((route) => failureOf(ask(sender, route)));
    await waitFor(() => held.size === 3, { timeoutMs: 5_000, what: "three connections" });
    await sender.close();
    for (const call of calls) expect(await call).toMatchObject({ code: "FUSTOR_ABORTED" });
    await waitFor(() => held.size === 0, { timeoutMs: 5_000, what: () => `${held.size} connections are still open` });
  });
});

describe("a port that speaks the other protocol", () => {
  it("of TLS says nothing that is HTTP, and the message tells to write https", async () => {
    const receiver = await secureReceiver();
    const sender = closing(senderTo({ url: receiver.url.replace("https:", "http:") }).sender);
    expect((await failureOf(ask(sender, "session"))).message).toContain("write https:// in the address");
  });

  it("of plain http fails the handshake, and the message asks for it", async () => {
    const receiver = await startRecordingReceiver();
    onTestFinished(() => receiver.close());
    const sender = closing(senderTo({ url: receiver.url.replace("http:", "https:") }, { ca: CA }).sender);
    expect((await failureOf(ask(sender, "session"))).message).toContain("does this port speak https?");
  });
});

it("of the addresses of a host each gets a quarter of the time, within bounds", () => {
  expect([100, 2_000, 4_000, 30_000].map(attemptMs)).toEqual([250, 500, 1_000, 2_500]);
});
