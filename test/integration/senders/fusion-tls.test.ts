import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type RecordingReceiver, startRecordingReceiver } from "../../support/recording-receiver.ts";
import { calm, oneRow, senderTo, TASK } from "./fusion-fixture.ts";

const FOLDER = resolve(import.meta.dirname, "../../fixtures/tls");
const CA_FILE = join(FOLDER, "ca.pem");
const text = (name: string): string => readFileSync(join(FOLDER, name), "utf8");

describe("over https", () => {
  let receiver: RecordingReceiver;

  beforeEach(async () => {
    receiver = await startRecordingReceiver({ tls: { key: text("server.key"), cert: text("server.pem") } });
  });

  afterEach(() => receiver.close());

  it("the sender trusts the private CA of its ca_file and keeps its connections", async () => {
    const { sender } = senderTo(receiver, { caFile: CA_FILE });
    const { sessionId } = await sender.createSession(TASK, calm());
    for (let batch = 0; batch < 3; batch++) await sender.push(sessionId, oneRow(), calm());
    await sender.heartbeat(sessionId, { canRealtime: true }, calm());
    await sender.close();
    expect(new Set(receiver.requests.map((request) => request.connection)).size).toBe(3);
  });

  it("the CA may come as text", async () => {
    const { sender } = senderTo(receiver, { ca: text("ca.pem") });
    expect(await sender.createSession(TASK, calm())).toMatchObject({ role: "leader" });
    await sender.close();
  });

  it("the sender refuses a certificate of an unknown authority and names the cure", async () => {
    const { sender } = senderTo(receiver);
    await expect(sender.createSession(TASK, calm())).rejects.toMatchObject({
      code: "FUSTOR_SENDER_UNREACHABLE",
      message: expect.stringContaining("driver_params.ca_file"),
    });
    await sender.close();
    expect(receiver.requests).toHaveLength(0);
  });

  it("the sender refuses a certificate for another host", async () => {
    const { sender } = senderTo({ url: `https://localhost:${receiver.port}` }, { caFile: CA_FILE });
    await expect(sender.createSession(TASK, calm())).rejects.toMatchObject({
      code: "FUSTOR_SENDER_UNREACHABLE",
      message: expect.stringContaining("another host name (ERR_TLS_CERT_ALTNAME_INVALID)"),
    });
    await sender.close();
  });

  it("the sender says when the port speaks plain http", async () => {
    const plain = await startRecordingReceiver();
    const { sender } = senderTo({ url: plain.url.replace("http:", "https:") }, { caFile: CA_FILE });
    await expect(sender.createSession(TASK, calm())).rejects.toMatchObject({
      code: "FUSTOR_SENDER_UNREACHABLE",
      message: expect.stringContaining("does this port speak https?"),
    });
    await sender.close();
    await plain.close();
  });
});
