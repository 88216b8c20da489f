/** Through real proxies on loopback: a forwarding one for http, tunnels for https, with and without a password. */
import { readFileSync } from "node:fs";
import { createServer, request as forward, type IncomingMessage, type Server } from "node:http";
import { createServer as createTlsServer } from "node:https";
import { type AddressInfo, connect, type Socket } from "node:net";
import { join, resolve } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import type { SenderDriver } from "../../../src/sdk/index.ts";
import { type RecordingReceiver, startRecordingReceiver } from "../../support/recording-receiver.ts";
import { calm, oneRow, senderTo, TASK } from "./fusion-fixture.ts";

const FOLDER = resolve(import.meta.dirname, "../../fixtures/tls");
const text = (name: string): string => readFileSync(join(FOLDER, name), "utf8");
const TLS = { key: text("server.key"), cert: text("server.pem") };
const PASSWORD = "pr0xy-passw0rd";
const AUTHORIZATION = `Basic ${Buffer.from(`me:${PASSWORD}`).toString("base64")}`;

interface Proxy {
  readonly port: number;
  /** `GET http://host/..` or `CONNECT host:port`, with the header that carries user and password. */
  readonly asked: { readonly line: string; readonly authorization: string | undefined; readonly key: unknown }[];
}

interface ProxyOptions {
  /** Answered instead of any service. */
  readonly status?: number;
  /** Takes the CONNECT and says nothing. */
  readonly silent?: boolean;
}

async function startProxy({ status, silent }: ProxyOptions = {}): Promise<Proxy> {
  const asked: { line: string; authorization: string | undefined; key: unknown }[] = [];
  const sockets = new Set<Socket>();
  const note = (message: IncomingMessage): void => {
    const { headers, method, url } = message;
    asked.push({ line: `${method} ${url}`, authorization: headers["proxy-authorization"], key: headers["x-api-key"] });
  };
  const server: Server = createServer((message, response) => {
    note(message);
    if (status !== undefined) {
      response.writeHead(status).end(`no, ${message.headers["proxy-authorization"]}`);
      return;
    }
    const { "proxy-authorization": _none, ...headers } = message.headers;
    const onward = forward(message.url ?? "", { method: message.method ?? "GET", headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    });
    onward.on("error", () => response.writeHead(502).end());
    message.pipe(onward);
  });
  server.on("connect", (message: IncomingMessage, socket: Socket) => {
    note(message);
    socket.on("error", () => undefined);
    if (silent === true) return;
    if (status !== undefined) {
      socket.end(`HTTP/1.1 ${status} No\r\nContent-Length: 0\r\n\r\n`);
      return;
    }
    const [host = "", port = ""] = (message.url ?? "").split(":");
    const far = connect(Number(port), host, () => {
      socket.write("HTTP/1.1 200 Connection established\r\n\r\n");
      socket.pipe(far).pipe(socket);
    });
    far.on("error", () => socket.destroy());
  });
  server.on("connection", (socket) => sockets.add(socket));
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { port: (server.address() as AddressInfo).port, asked };
}

async function receiverOf(tls?: typeof TLS): Promise<RecordingReceiver> {
  const receiver = await startRecordingReceiver(tls === undefined ? {} : { tls });
  onTestFinished(() => receiver.close());
  return receiver;
}

function through(proxy: string, receiver: { readonly url: string }, timeoutMs = 5_000): SenderDriver {
  const { sender } = senderTo(receiver, { proxy, timeoutMs, ca: text("ca.pem") });
  onTestFinished(() => sender.close());
  return sender;
}

async function useAll(sender: SenderDriver): Promise<void> {
  const { sessionId } = await sender.createSession(TASK, calm());
  await sender.heartbeat(sessionId, { canRealtime: true }, calm());
  for (let batch = 0; batch < 3; batch++) await sender.push(sessionId, oneRow(), calm());
  await sender.closeSession(sessionId, calm());
}

const messageOf = async (call: Promise<unknown>): Promise<string> =>
  call.then(
    () => "no failure",
    (error: Error) => error.message,
  );

describe("through a proxy", () => {
  it("an http receiver is asked for by its whole address", async () => {
    const [receiver, proxy] = [await receiverOf(), await startProxy()];
    await useAll(through(`http://me:${PASSWORD}@127.0.0.1:${proxy.port}`, receiver));
    expect(receiver.of("ingest")).toHaveLength(3);
    expect(proxy.asked).toHaveLength(6);
    expect(proxy.asked[0]).toMatchObject({
      line: `POST ${receiver.url}/api/v1/pipe/session/`,
      authorization: AUTHORIZATION,
    });
    expect(receiver.requests[0]?.headers.host).toBe(`127.0.0.1:${receiver.port}`);
  });

  it("an https receiver gets a tunnel that sees no key, one for each connection", async () => {
    const [receiver, proxy] = [await receiverOf(TLS), await startProxy()];
    await useAll(through(`http://me:${PASSWORD}@127.0.0.1:${proxy.port}`, receiver));
    expect(receiver.of("ingest")).toHaveLength(3);
    const tunnel = { line: `CONNECT 127.0.0.1:${receiver.port}`, authorization: AUTHORIZATION, key: undefined };
    expect(proxy.asked).toEqual([tunnel, tunnel, tunnel]);
    expect(receiver.requests[0]?.headers).not.toHaveProperty("proxy-authorization");
  });

  it.each([undefined, TLS])("that speaks TLS itself the rest is the same", async (tls) => {
    const receiver = await receiverOf(tls);
    const plain = await startProxy();
    const secure = createTlsServer(TLS);
    // The proxy's certificate is of no authority that is well known.
    secure.on("secureConnection", (socket) => socket.pipe(connect(plain.port, "127.0.0.1")).pipe(socket));
    await new Promise<void>((done) => secure.listen(0, "127.0.0.1", done));
    onTestFinished(() => void secure.close());
    const { port } = secure.address() as AddressInfo;
    const message = await messageOf(through(`https://127.0.0.1:${port}`, receiver).createSession(TASK, calm()));
    expect(message).toContain(`the proxy 127.0.0.1:${port}`);
    expect(message).toContain("not signed by a trusted authority");
    expect(plain.asked).toEqual([]);
  });

  it.each([undefined, TLS])("that refuses, its name and the cure are told, and no password", async (tls) => {
    const receiver = await receiverOf(tls);
    const proxy = await startProxy({ status: 407 });
    const sender = through(`http://me:${PASSWORD}@127.0.0.1:${proxy.port}`, receiver);
    const message = await messageOf(sender.createSession(TASK, calm()));
    expect(message).toContain(`the proxy 127.0.0.1:${proxy.port} refuses the way (status 407); it asks for a user`);
    expect(message).not.toContain(PASSWORD);
    expect(message).not.toContain(AUTHORIZATION.slice("Basic ".length));
  });

  it("that is not there, its address is told", async () => {
    const receiver = await receiverOf(TLS);
    const message = await messageOf(through("http://127.0.0.1:1", receiver).createSession(TASK, calm()));
    expect(message).toContain("cannot reach the proxy 127.0.0.1:1: connection refused");
  });

  it("that says nothing, each attempt ends in its time, and at once when it is cancelled", async () => {
    const receiver = await receiverOf(TLS);
    const proxy = await startProxy({ silent: true });
    const sender = through(`http://127.0.0.1:${proxy.port}`, receiver, 300);
    expect(await messageOf(sender.createSession(TASK, calm()))).toContain("did not open a way");
    const patient = through(`http://127.0.0.1:${proxy.port}`, receiver, 60_000);
    const begin = performance.now();
    const cancelled = messageOf(patient.createSession(TASK, { signal: AbortSignal.timeout(100) }));
    expect(await cancelled).toContain("cancelled");
    expect(performance.now() - begin).toBeLessThan(3_000);
  });
});
