import { once } from "node:events";
import { request } from "node:http";
import { type AddressInfo, connect, createServer } from "node:net";
import { gunzipSync } from "node:zlib";
import { expect, onTestFinished, test } from "vitest";
import type { AgentStatus } from "../../../src/agent/agent-status.ts";
import { consoleApp } from "../../../src/console/console-app.ts";
import type { ConsolePlace } from "../../../src/console/console-place.ts";
import { type ConsoleServer, startConsole } from "../../../src/console/console-server.ts";
import { silentLogger } from "../../../src/sdk/index.ts";
import { adminPortWith } from "../../support/admin-port.ts";
import { waitFor } from "../../support/wait-for.ts";
import { examplePipe, exampleStatus } from "./example-status.ts";

const TOKEN = "the-token-of-this-run";
const LOCAL = { token: TOKEN, isOpen: true, maxBacklogAgeMs: 60_000, isReadOnly: false };

const asked = (path: string, headers: Record<string, string>, method: string, status: AgentStatus, access = LOCAL) =>
  consoleApp(adminPortWith({ status: () => status }), access, silentLogger).request(path, {
    method,
    headers: { host: "localhost:8100", ...headers },
  });

/** With the token. */
const ask = (path: string, headers: Record<string, string> = {}, method = "GET", status: AgentStatus = exampleStatus) =>
  asked(`${path}?token=${TOKEN}`, headers, method, status);
/** As any user of this machine. */
const askAsStranger = (path: string, status: AgentStatus = exampleStatus, headers: Record<string, string> = {}) =>
  asked(path, headers, "GET", status);

async function open(place: ConsolePlace = { host: "localhost", port: 0 }) {
  const server = await startConsole({
    place,
    token: TOKEN,
    maxBacklogAgeMs: 60_000,
    admin: adminPortWith({ status: () => exampleStatus }),
    logger: silentLogger,
  });
  onTestFinished(() => server.close());
  return server;
}

const urlOf = ({ state }: ConsoleServer): URL => new URL(state.state === "listening" ? state.url : "");

test("the page and the JSON tell the same pipes, states and sources", async () => {
  const page = await (await ask("/")).text();
  expect(await (await ask("/api/status")).json()).toEqual(exampleStatus);
  for (const pipe of exampleStatus.pipes) {
    expect(page).toContain(`>${pipe.id}<`);
    expect(page).toContain(pipe.state.replaceAll("_", " "));
  }
  for (const source of exampleStatus.sources) expect(page).toContain(source.uri);
  expect(page).toContain("401 Invalid API key");
});

test("text from outside never becomes markup", async () => {
  const evil = `<img src=x onerror="alert(1)">&'`;
  const status: AgentStatus = {
    ...exampleStatus,
    home: evil,
    pipes: [{ ...examplePipe, id: evil, info: evil, lastError: evil, source: evil }],
    sources: [
      { ids: [evil], driver: evil, uri: evil, status: { availability: { state: "unavailable", reason: evil } } },
    ],
  };
  const page = await (await ask("/", {}, "GET", status)).text();
  expect(page).not.toContain("<img");
  expect(page.match(/&lt;img src=x/g)?.length).toBeGreaterThanOrEqual(8);
});

test("a snapshot whose source is away waits and does not run, for who has a token and for who has none", async () => {
  const waiting = { ...examplePipe, state: "waiting_for_source", snapshot: "running", snapshotRows: 0 } as const;
  const status: AgentStatus = { ...exampleStatus, pipes: [waiting] };
  for (const answer of [await ask("/", {}, "GET", status), await askAsStranger("/", status)]) {
    const page = await answer.text();
    expect(page).toContain("waiting, 0 rows");
    expect(page).not.toContain("<progress");
    expect(page).not.toContain("running, 0 rows");
  }
});

test("the page holds the states for browsers without scripts, and nothing of them elsewhere", async () => {
  const page = await (await ask("/")).text();
  const [, without = ""] = /<noscript>(.*)<\/noscript>/s.exec(page) ?? [];
  expect(without).toMatch(/^<main>.*<\/main>$/s);
  expect(page.replace(without, "")).not.toContain(exampleStatus.home);
});

test("only scripts and styles with the nonce of this very answer may run", async () => {
  const [first, second] = [await ask("/"), await ask("/")];
  const policy = first.headers.get("content-security-policy") ?? "";
  const nonce = /script-src 'nonce-([^']+)'/.exec(policy)?.[1];
  expect(policy).toContain("default-src 'none'");
  expect(policy).not.toContain("unsafe");
  expect(second.headers.get("content-security-policy")).not.toBe(policy);
  const tags = [...(await first.text()).matchAll(/<(?:script|style|link rel="stylesheet")[^>]*>/g)].map(([tag]) => tag);
  expect(tags).toEqual([
    `<link rel="stylesheet" nonce="${nonce}" href="style.css">`,
    `<script type="module" nonce="${nonce}" src="console.js">`,
  ]);
});

test("the program of the page is packed, kept by the browser while it is the same, and needs no token", async () => {
  for (const path of ["/console.js", "/style.css"]) {
    const headers = { "accept-encoding": "gzip, br" };
    const packed = await asked(path, headers, "GET", exampleStatus, { ...LOCAL, isOpen: false });
    expect([packed.status, packed.headers.get("content-encoding")]).toEqual([200, "gzip"]);
    expect(packed.headers.get("cache-control")).toBe("no-cache");
    expect(packed.headers.get("x-content-type-options")).toBe("nosniff");
    const plain = await askAsStranger(path);
    expect(gunzipSync(await packed.arrayBuffer()).equals(Buffer.from(await plain.arrayBuffer()))).toBe(true);
    const again = await askAsStranger(path, exampleStatus, { "if-none-match": packed.headers.get("etag") ?? "" });
    expect(again.status).toBe(304);
  }
});

test.each([
  ["evil.example"],
  ["evil.example:8100"],
  ["localhost.evil.example"],
  ["127.0.0.1.nip.io:8100"],
  ["10.0.0.1:8100"],
])("a request for the host %s is refused", async (host) => {
  expect((await ask("/", { host })).status).toBe(403);
  expect((await ask("/api/status", { host })).status).toBe(403);
});

test.each([["localhost"], ["LOCALHOST:8100"], ["127.0.0.1:8100"], ["[::1]:8100"]])(
  "a request for the host %s is answered",
  async (host) => {
    expect((await ask("/api/status", { host })).status).toBe(200);
  },
);

test("a request whose host is empty is refused", async () => {
  const server = await open();
  const { port } = urlOf(server);
  const outgoing = request({ port, host: "127.0.0.1", path: "/", setHost: false, headers: { host: "" } }).end();
  const [response] = await once(outgoing, "response");
  response.resume();
  expect(response.statusCode).toBe(400);
});

test("nothing can be changed beside the admin API", async () => {
  for (const method of ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"]) {
    expect((await ask("/api/status", {}, method)).status).toBe(405);
  }
});

test("it listens on loopback and says where", async () => {
  const server = await open();
  expect(server.state.state).toBe("listening");
  if (server.state.state !== "listening") return;
  const answer = await fetch(server.state.url);
  expect(answer.status).toBe(200);
  expect(answer.headers.get("cache-control")).toBe("no-store");
});

test("who has no token learns states and counts, no name, no path and no text", async () => {
  const { pipes, sources, home, configDir, agentId } = exampleStatus;
  const texts = [home, configDir, agentId, String(exampleStatus.pid), "401 Invalid API key"];
  for (const pipe of pipes) texts.push(pipe.id, pipe.source, pipe.sender.id, pipe.sender.uri, pipe.deadLetterFile);
  for (const source of sources) texts.push(...source.ids, source.uri);
  for (const path of ["/", "/api/status", "/metrics", "/readyz"]) {
    const answer = await askAsStranger(path);
    expect(answer.status).toBe(path === "/readyz" ? 503 : 200);
    const text = await answer.text();
    // A count may hold the digits of the process id.
    const told = path === "/metrics" ? texts.filter((each) => !/^\d+$/.test(each)) : texts;
    for (const secret of told) expect(text, `${path} tells ${secret}`).not.toContain(secret);
    expect(text).toContain(path === "/readyz" ? "not ready" : "running");
  }
  const facts = (await (await askAsStranger("/api/status")).json()) as { pipes: object[]; sources: object[] };
  expect(facts).toMatchObject({ state: "running", uptimeMs: exampleStatus.uptimeMs });
  expect(facts.pipes).toHaveLength(pipes.length);
  expect(facts.pipes[0]).toMatchObject({ state: "running", role: "leader", rowsSent: { message: 8731 }, lagMs: 14.2 });
  expect(facts.sources).toHaveLength(sources.length);
});

test("what the status learns to tell stays untold to who has no token", async () => {
  const secret = "patient-1-SECRET";
  const [pipe, source] = [exampleStatus.pipes[0], exampleStatus.sources[0]];
  const status = {
    ...exampleStatus,
    [secret]: 1,
    pipes: [{ ...pipe, info: secret, lastError: secret, id: secret, news: [secret] }],
    sources: [
      { ...source, news: secret, status: { ...source?.status, notes: [secret], engine: { examples: [secret] } } },
    ],
  } as unknown as AgentStatus;
  for (const path of ["/", "/api/status", "/metrics", "/readyz"]) {
    expect(await (await askAsStranger(path, status)).text()).not.toContain(secret);
  }
});

test("with the token /readyz says what is wrong and /metrics names pipes", async () => {
  const ready = await ask("/readyz");
  expect(await ready.text()).toContain("pipe second-site is key refused\n");
  const metrics = await ask("/metrics");
  expect(metrics.headers.get("content-type")).toContain("text/plain; version=0.0.4");
  expect(await metrics.text()).toContain('fustor_pipe_rows_sent_total{pipe="research",phase="message"} 8731');
});

test("a wrong token opens nothing, not even what no token opens", async () => {
  for (const path of ["/", "/api/status"]) {
    expect((await askAsStranger(`${path}?token=wrong`)).status).toBe(403);
    expect((await askAsStranger(path, exampleStatus, { authorization: "Bearer wrong" })).status).toBe(403);
    const right = await askAsStranger(path, exampleStatus, { authorization: `Bearer ${TOKEN}` });
    expect(await right.text()).toContain(exampleStatus.home);
  }
});

test("where other machines can ask, nothing is told without the token, and its name does not matter", async () => {
  const access = { ...LOCAL, isOpen: false };
  const elsewhere = { host: "files.example:8100" };
  expect((await asked("/", elsewhere, "GET", exampleStatus, access)).status).toBe(403);
  expect((await asked("/api/status", elsewhere, "GET", exampleStatus, access)).status).toBe(403);
  expect((await asked("/metrics", elsewhere, "GET", exampleStatus, access)).status).toBe(403);
  expect((await asked(`/?token=${TOKEN}`, elsewhere, "GET", exampleStatus, access)).status).toBe(200);
  const healthy = await asked("/healthz", elsewhere, "GET", exampleStatus, access);
  expect([healthy.status, await healthy.text()]).toEqual([200, "ok\n"]);
  const ready = await asked("/readyz", elsewhere, "GET", exampleStatus, access);
  expect([ready.status, await ready.text()]).toEqual([503, "not ready\n"]);
});

async function occupy(host: string, port = 0): Promise<number> {
  const taken = createServer().listen(port, host);
  onTestFinished(() => void taken.close());
  await once(taken, "listening");
  return (taken.address() as AddressInfo).port;
}

test("a port that was set and is taken is a state and not a failure", async () => {
  const port = await occupy("127.0.0.1");
  const server = await open({ host: "localhost", port });
  expect(server.state).toMatchObject({ state: "failed", reason: expect.stringContaining(`port ${port}`) });
});

test("the address names what is ours alone when somebody else has the port of the other loopback address", async () => {
  const port = await occupy("::1");
  const server = await open({ host: "localhost", port });
  expect(urlOf(server).host).toBe(`127.0.0.1:${port}`);
});

test("without a port that was set the next free one is taken and told, but not one of a Fusion", async () => {
  const first = await open({ host: "localhost" });
  const second = await open({ host: "localhost" });
  const [one, two] = [Number(urlOf(first).port), Number(urlOf(second).port)];
  expect(two).toBeGreaterThan(one);
  for (const port of [8101, 8102]) expect([one, two]).not.toContain(port);
  expect(second.state).toMatchObject({ note: "port 8100 is taken: this is the next free one" });
});

test("connections are few and short", async () => {
  const server = await open();
  const { port } = urlOf(server);
  let closed = 0;
  const lines = Array.from({ length: 60 }, () => {
    const line = connect(Number(port), "127.0.0.1");
    line.on("error", () => undefined);
    line.on("close", () => closed++);
    onTestFinished(() => void line.destroy());
    return line;
  });
  await waitFor(() => closed >= 44, { timeoutMs: 10_000, what: "those beyond the bound are closed" });
  await waitFor(() => closed === lines.length, { timeoutMs: 15_000, what: "those that say nothing are closed" });
  expect((await fetch(urlOf(server))).status).toBe(200);
});
