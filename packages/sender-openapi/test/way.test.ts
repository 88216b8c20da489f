/** How the service is reached and by whom: credentials, the document, certificates, proxies. */
import { readFileSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage } from "node:http";
import { type AddressInfo, connect, createServer as createTcpServer, type Socket } from "node:net";
import { join, resolve } from "node:path";
import type { Credential } from "fustor-agent/sdk";
import { afterEach, describe, expect, it, onTestFinished } from "vitest";
import { entryCheck } from "../../../test/support/entry-check.ts";
import { createRecordingLogger } from "../../../test/support/recording-logger.ts";
import { createTempFolder, removeTempFolders } from "../../../test/support/temp-tree.ts";
import { waitFor } from "../../../test/support/wait-for.ts";
import driver from "../src/index.ts";
import { answers, failureOf, live, opened, REQUEST, senderTo, signal, startService } from "./sender-fixture.ts";
import { documentOf, plainDocument } from "./service.ts";

const TLS_FOLDER = resolve(import.meta.dirname, "../../../test/fixtures/tls");
const pem = (name: string): string => readFileSync(join(TLS_FOLDER, name), "utf8");
const TLS = { key: pem("server.key"), cert: pem("server.pem") };
const CA = join(TLS_FOLDER, "ca.pem");
const CONTENT = { snapshotNeeded: false };

afterEach(removeTempFolders);

describe("credentials", () => {
  const KEY = "s3cret-key-0123456789";
  const PAIR = Buffer.from("u:pässword").toString("base64");

  it.each<[string, Credential, object, object]>([
    ["a key is a bearer token", { kind: "key", key: KEY }, {}, { authorization: `Bearer ${KEY}` }],
    ["a key goes where it is named", { kind: "key", key: KEY }, { key_header: "X-API-Key" }, { "x-api-key": KEY }],
    [
      "user and password are Basic",
      { kind: "password", user: "u", password: "pässword" },
      {},
      { authorization: `Basic ${PAIR}` },
    ],
  ])("%s", async (_, credential, params, headers) => {
    const { service, sender, sessionId } = await opened(undefined, { credential, params });
    await sender.push(sessionId, live(), { signal });
    await sender.heartbeat(sessionId, { canRealtime: true }, { signal });
    for (const asked of service.asked) expect(asked.headers).toMatchObject(headers);
  });

  it("and session ids are in no error and no log, also when the service repeats them", async () => {
    const logger = createRecordingLogger();
    const service = await startService();
    const sender = await senderTo(service.uri, { credential: { kind: "key", key: KEY }, logger });
    answers(service, "POST /session", { body: { session_id: "session-that-is-a-secret" } });
    const { sessionId } = await sender.createSession(REQUEST, { signal });
    const encoded = Buffer.from(KEY).toString("base64");
    service.rule = () => ({ status: 400, body: { detail: `no ${KEY} ${encoded} ${sessionId}` } });
    const failures = [
      await failureOf(sender.push(sessionId, live(), { signal })),
      await failureOf(sender.closeSession(sessionId, { signal })),
      await failureOf(sender.createSession(REQUEST, { signal })),
    ];
    const said = JSON.stringify([failures, logger.entries]);
    expect(said).toContain("[secret]");
    for (const secret of [KEY, encoded.slice(2, -4)]) expect(said).not.toContain(secret);
    expect(JSON.stringify([failures.slice(0, 2), logger.entries])).not.toContain(sessionId);
    const impatient = await senderTo(service.uri, { timeoutMs: 1000 });
    answers(service, `DELETE /session/${sessionId}`, { instead: "hang" });
    const { message } = await failureOf(impatient.closeSession(sessionId, { signal }));
    expect(message).toContain("did not answer within 1 s (DELETE /session/[session])");
  });
});

describe("the document", () => {
  it("may be a file", async () => {
    const service = await startService();
    const path = join(createTempFolder("openapi"), "openapi.json");
    writeFileSync(path, JSON.stringify(documentOf({}, { servers: [{ url: `http://127.0.0.1:${service.port}` }] })));
    const sender = await senderTo(path);
    const { sessionId } = await sender.createSession(REQUEST, { signal });
    expect(await sender.push(sessionId, live(), { signal })).toEqual(CONTENT);
  });

  it("is read for each session", async () => {
    const { service, sender } = await opened();
    service.document = plainDocument();
    const { sessionId } = await sender.createSession(REQUEST, { signal });
    expect(sessionId).not.toContain("session-");
  });

  it.each([
    [{ body: "openapi: 3.1.0" }, "openapi.json is not JSON"],
    [{ status: 404 }, "GET http://127.0.0.1"],
    [{ body: { paths: {} } }, "does not say where batches go"],
  ])("that is of no use is said so: %j", async (answer, text) => {
    const service = await startService();
    answers(service, "GET /openapi.json", answer);
    const sender = await senderTo(`${service.uri}?token=secret`);
    const { code, message } = await failureOf(sender.createSession(REQUEST, { signal }));
    expect([code, message]).toEqual(["FUSTOR_SENDER_BAD_ANSWER", expect.stringContaining(text)]);
    expect(message).not.toContain("secret");
  });

  it("that is a file is looked at before the pipe starts", async () => {
    const path = join(createTempFolder("openapi"), "openapi.json");
    const look = () => driver.inspect?.({ uri: path, params: driver.schema.parse({}) });
    expect(await look()).toMatchObject([{ key: "uri", what: expect.stringContaining("ENOENT"), outcome: "fail" }]);
    writeFileSync(path, JSON.stringify(documentOf()));
    expect(await look()).toMatchObject([{ what: expect.stringContaining("servers[0].url is no whole address") }]);
  });
});

describe("an entry of the configuration", () => {
  const params = driver.schema.parse({});

  it.each([
    ["ftp://x/openapi.json", "uri: is neither an http or https URL nor an absolute path"],
    ["openapi.json", "uri: is neither an http or https URL nor an absolute path"],
    ["http://u:p@x/openapi.json", "uri: holds a user or password"],
  ])("with %s is refused", (uri, problem) => {
    const { check, errors } = entryCheck();
    expect(driver.check?.({ uri, params }, check)).toBeUndefined();
    expect(errors.join()).toContain(problem);
  });

  it("gets the proxy of the environment, and a warning for a key over plain http", () => {
    const { check, warnings } = entryCheck({ variables: { HTTP_PROXY: "http://p:3128" } });
    const written = { uri: "http://x/openapi.json", credential: { kind: "key", key: "abcdefgh" } as const, params };
    expect(driver.check?.(written, check)?.params.proxy).toBe("http://p:3128/");
    expect(warnings.join()).toContain("sends the credential over plain http");
  });
});

describe("https", () => {
  it("trusts the certificates that are named, and says of others that they are unknown", async () => {
    const service = await startService(undefined, TLS);
    const uri = `https://127.0.0.1:${service.port}/openapi.json`;
    const trusting = await senderTo(uri, { params: { ca_file: CA } });
    const { sessionId } = await trusting.createSession(REQUEST, { signal });
    expect(await trusting.push(sessionId, live(), { signal })).toEqual(CONTENT);
    const { code, message } = await failureOf((await senderTo(uri)).createSession(REQUEST, { signal }));
    expect(code).toBe("FUSTOR_SENDER_UNREACHABLE");
    expect(message).toContain("name the right one in driver_params.ca_file");
  });
});

/** Forwards http and opens tunnels; writes down each request line with the header that carries user and password. */
async function startProxy(status?: number) {
  const asked: string[] = [];
  const sockets = new Set<Socket>();
  const note = ({ method, url, headers }: IncomingMessage): void => {
    asked.push(`${method} ${url} ${headers["proxy-authorization"]}`);
  };
  const server = createServer(async (message, response) => {
    note(message);
    const { method = "GET", url = "", headers } = message;
    const body = Buffer.concat(await message.toArray());
    const kept = { "content-type": headers["content-type"] ?? "", "session-id": String(headers["session-id"] ?? "") };
    const answer = await fetch(url, { method, headers: kept, ...(body.byteLength === 0 ? {} : { body }) });
    response.writeHead(answer.status).end(await answer.text());
  });
  server.on("connect", (message: IncomingMessage, socket: Socket) => {
    note(message);
    if (status !== undefined) {
      socket.end(`HTTP/1.1 ${status} No\r\n\r\n`);
      return;
    }
    const through = connect(Number(message.url?.split(":").at(-1)), "127.0.0.1", () => {
      socket.write("HTTP/1.1 200 OK\r\n\r\n");
      through.pipe(socket).pipe(through);
    });
    for (const each of [through, socket]) {
      sockets.add(each);
      each.on("error", () => undefined);
    }
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  onTestFinished(async () => {
    for (const socket of sockets) socket.destroy();
    server.closeAllConnections();
    await new Promise((done) => server.close(done));
  });
  const { port } = server.address() as AddressInfo;
  return { asked, proxy: `http://me:pr0xy-pass@127.0.0.1:${port}` };
}

describe("a proxy", () => {
  const AUTHORIZATION = `Basic ${Buffer.from("me:pr0xy-pass").toString("base64")}`;

  it("is asked for the whole address over http", async () => {
    const { asked, proxy } = await startProxy();
    const service = await startService();
    const sender = await senderTo(service.uri, { params: { proxy } });
    const { sessionId } = await sender.createSession(REQUEST, { signal });
    expect(await sender.push(sessionId, live(), { signal })).toEqual(CONTENT);
    const base = `http://127.0.0.1:${service.port}`;
    expect(asked).toContain(`POST ${base}/ingest-batch ${AUTHORIZATION}`);
  });

  it("is asked for a way to https, and TLS goes through it to the service", async () => {
    const { asked, proxy } = await startProxy();
    const service = await startService(undefined, TLS);
    const uri = `https://127.0.0.1:${service.port}/openapi.json`;
    const sender = await senderTo(uri, { params: { proxy, ca_file: CA } });
    const { sessionId } = await sender.createSession(REQUEST, { signal });
    expect(await sender.push(sessionId, live(), { signal })).toEqual(CONTENT);
    expect(await sender.push(sessionId, live(), { signal })).toEqual(CONTENT);
    // One tunnel for each lane that was used.
    expect(asked).toEqual(Array(2).fill(`CONNECT 127.0.0.1:${service.port} ${AUTHORIZATION}`));
    const untrusted = await failureOf((await senderTo(uri, { params: { proxy } })).createSession(REQUEST, { signal }));
    expect(untrusted.message).toContain("name the right one in driver_params.ca_file");
  });

  it.each([
    ["the question for a tunnel", ""],
    ["TLS", "HTTP/1.1 200 OK\r\n\r\n"],
  ])("that lets %s hang ends with the call, and its connection, too", async (_, answer) => {
    const sockets = new Set<Socket>();
    const server = createTcpServer((socket) => {
      sockets.add(socket);
      socket.on("error", () => undefined).on("close", () => sockets.delete(socket));
      socket.once("data", () => socket.write(answer)).resume();
    });
    await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
    onTestFinished(() => void server.close());
    const { port } = server.address() as AddressInfo;
    const proxy = `http://127.0.0.1:${port}`;
    const sender = await senderTo("https://localhost:1/openapi.json", { params: { proxy }, timeoutMs: 300 });
    const late = await failureOf(sender.createSession(REQUEST, { signal }));
    expect([late.code, late.message]).toEqual(["FUSTOR_SENDER_UNREACHABLE", expect.stringContaining("within 0.3 s")]);
    await waitFor(() => sockets.size === 0, { timeoutMs: 5000, what: "the end of the proxy's connections" });
  });

  it("that refuses is named without its password", async () => {
    const { proxy } = await startProxy(403);
    const sender = await senderTo("https://localhost:1/openapi.json", { params: { proxy } });
    const { code, message } = await failureOf(sender.createSession(REQUEST, { signal }));
    expect(code).toBe("FUSTOR_SENDER_UNREACHABLE");
    expect(message).toMatch(/the proxy 127\.0\.0\.1:\d+ refuses the way to localhost:1 \(status 403\)/);
    expect(message).not.toContain("pr0xy");
  });
});
