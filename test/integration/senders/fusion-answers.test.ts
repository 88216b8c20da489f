/** Answers in forms that nobody asked for: interim ones, encoded ones, cookies. */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { type AddressInfo, createServer as createPlainServer, type Server } from "node:net";
import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync } from "node:zlib";
import { describe, expect, it, onTestFinished } from "vitest";
import type { SenderDriver } from "../../../src/sdk/index.ts";
import { calm, senderTo, TASK } from "./fusion-fixture.ts";

const SESSION = JSON.stringify({ session_id: "s", role: "leader", session_timeout_seconds: 30 });

async function listening(server: Server): Promise<string> {
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  onTestFinished(() => void server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function senderOf(
  serve: (request: IncomingMessage, response: ServerResponse) => void,
): Promise<{ readonly sender: SenderDriver; readonly url: string }> {
  const url = await listening(
    createServer((request, response) => void request.resume().on("end", () => serve(request, response))),
  );
  const { sender } = senderTo({ url }, { timeoutMs: 5_000 });
  onTestFinished(() => sender.close());
  return { sender, url };
}

describe("interim answers", () => {
  it("of every kind are passed over, again and again on one connection", async () => {
    const sockets = new Set<unknown>();
    const { sender } = await senderOf((request, response) => {
      sockets.add(request.socket);
      response.writeContinue();
      response.writeProcessing();
      response.writeEarlyHints({ link: "</x>; rel=preload" });
      response.writeContinue();
      response.end(SESSION);
    });
    for (let i = 0; i < 3; i++) expect((await sender.createSession(TASK, calm())).sessionId).toBe("s");
    expect(sockets.size).toBe(1);
  });

  it("may come in any pieces", async () => {
    const text = `HTTP/1.1 100 Continue\r\nX-A: b\r\n\r\nHTTP/1.1 100\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: ${SESSION.length}\r\n\r\n${SESSION}`;
    const url = await listening(
      createPlainServer((socket) => {
        socket.setNoDelay(true).on("error", () => undefined);
        socket.once("data", async () => {
          for (const character of text) {
            if (!socket.writable) return;
            socket.write(character);
            await new Promise((next) => setImmediate(next));
          }
        });
      }),
    );
    const { sender } = senderTo({ url }, { timeoutMs: 5_000 });
    onTestFinished(() => sender.close());
    expect((await sender.createSession(TASK, calm())).sessionId).toBe("s");
  });

  it("without end are no answer", async () => {
    const url = await listening(
      createPlainServer((socket) => {
        socket.on("error", () => undefined);
        const more = (): void => {
          if (socket.writable) socket.write("HTTP/1.1 100 Continue\r\n\r\n".repeat(1_000), () => setImmediate(more));
        };
        socket.once("data", more);
      }),
    );
    const { sender } = senderTo({ url }, { timeoutMs: 1_000 });
    onTestFinished(() => sender.close());
    await expect(sender.createSession(TASK, calm())).rejects.toMatchObject({ code: expect.stringMatching(/SENDER/) });
  });
});

describe("an answer that is encoded although nobody asked for it", () => {
  it.each([
    ["gzip", gzipSync(SESSION)],
    ["x-gzip", gzipSync(SESSION)],
    ["deflate", deflateSync(SESSION)],
    ["deflate", deflateRawSync(SESSION)],
    ["br", brotliCompressSync(SESSION)],
    ["GZIP, identity, br", brotliCompressSync(gzipSync(SESSION))],
  ])("as %s is decoded", async (encoding, body) => {
    const { sender } = await senderOf((_request, response) =>
      response.writeHead(200, { "content-encoding": encoding }).end(body),
    );
    expect((await sender.createSession(TASK, calm())).sessionId).toBe("s");
  });

  it.each([
    ["gzip", gzipSync(Buffer.alloc(50_000_000, " "))],
    ["br", brotliCompressSync(Buffer.alloc(50_000_000, " "))],
  ])("as %s has the same bound as any other", async (encoding, body) => {
    const { sender } = await senderOf((_request, response) =>
      response.writeHead(200, { "content-encoding": encoding }).end(body),
    );
    await expect(sender.createSession(TASK, calm())).rejects.toMatchObject({
      code: "FUSTOR_SENDER_BAD_ANSWER",
      message: expect.stringContaining("longer than 1 MiB"),
    });
  });

  it.each([
    ["zstd", "encoded as zstd"],
    ["gzip", "calls itself gzip, but is not"],
    ["gzip, gzip, gzip, gzip", "encoded as gzip, gzip, gzip,"],
  ])("as %s that cannot be decoded is named", async (encoding, message) => {
    const { sender } = await senderOf((_request, response) =>
      response.writeHead(200, { "content-encoding": encoding }).end(SESSION),
    );
    await expect(sender.createSession(TASK, calm())).rejects.toMatchObject({
      code: "FUSTOR_SENDER_BAD_ANSWER",
      message: expect.stringContaining(message),
    });
  });
});

describe("the cookies of a balancer", () => {
  it("come back on every connection of the sender, as they are now", async () => {
    const seen: (string | undefined)[] = [];
    const { sender } = await senderOf((request, response) => {
      seen.push(request.headers.cookie);
      if (seen.length === 1) {
        response.setHeader("set-cookie", ["node=a; Path=/; HttpOnly", "other=1; Path=/elsewhere", "x=1; Secure"]);
      }
      if (seen.length === 3) response.setHeader("set-cookie", "node=b; Path=/");
      response.end(SESSION);
    });
    await sender.createSession(TASK, calm());
    await sender.heartbeat("s", { canRealtime: true }, calm());
    await sender.getLatestCommittedIndex("s", calm());
    await sender.heartbeat("s", { canRealtime: true }, calm());
    expect(seen).toEqual([undefined, "node=a", "node=a", "node=b"]);
  });
});

describe("a redirect", () => {
  it("is told with the address that it names, without secrets", async () => {
    const { sender } = await senderOf((request, response) =>
      response.writeHead(307, { location: `https://me:pw@fusion.example${request.url}?token=secret` }).end(),
    );
    const error = await sender.createSession(TASK, calm()).catch((reason: Error) => reason);
    expect(String(error)).toContain("give the final address (create, status 307) to https://fusion.example");
    expect(String(error)).not.toMatch(/pw|secret/);
  });
});
