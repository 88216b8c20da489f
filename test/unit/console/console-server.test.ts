import { once } from "node:events";
import { request } from "node:http";
import { createServer } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import type { AgentStatus } from "../../../src/agent/agent-status.ts";
import { consoleApp } from "../../../src/console/console-app.ts";
import { startConsole } from "../../../src/console/console-server.ts";
import { silentLogger } from "../../../src/sdk/index.ts";
import { examplePipe, exampleStatus } from "./example-status.ts";

const ask = (path: string, headers: Record<string, string> = {}, method = "GET", status: AgentStatus = exampleStatus) =>
  consoleApp(() => status).request(path, { method, headers: { host: "localhost:8100", ...headers } });

async function open(port = 0) {
  const server = await startConsole({ port, status: () => exampleStatus, logger: silentLogger });
  onTestFinished(() => server.close());
  return server;
}

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

test("what the script fetches is the very part of the page that it replaces", async () => {
  const [page, part] = [await (await ask("/")).text(), await (await ask("/main")).text()];
  expect(page).toContain(part);
  expect(part).toMatch(/^<main>.*<\/main>$/s);
  expect(part).not.toContain("<style");
});

test("only scripts and styles with the nonce of this very answer may run", async () => {
  const [first, second] = [await ask("/"), await ask("/")];
  const policy = first.headers.get("content-security-policy") ?? "";
  const nonce = /script-src 'nonce-([^']+)'/.exec(policy)?.[1];
  expect(policy).toContain("default-src 'none'");
  expect(policy).not.toContain("unsafe");
  expect(second.headers.get("content-security-policy")).not.toBe(policy);
  const tags = [...(await first.text()).matchAll(/<(?:script|style)[^>]*>/g)].map(([tag]) => tag);
  expect(tags).toEqual([`<style nonce="${nonce}">`, `<script nonce="${nonce}">`]);
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
  const { port } = new URL(server.state.state === "listening" ? server.state.url : "");
  const outgoing = request({ port, host: "127.0.0.1", path: "/", setHost: false, headers: { host: "" } }).end();
  const [response] = await once(outgoing, "response");
  response.resume();
  expect(response.statusCode).toBe(400);
});

test("nothing can be changed here", async () => {
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

test("a taken port is a state and not a failure", async () => {
  const taken = createServer().listen(0, "127.0.0.1");
  onTestFinished(() => void taken.close());
  await once(taken, "listening");
  const address = taken.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  const server = await open(port);
  expect(server.state).toMatchObject({ state: "failed", reason: expect.stringContaining(`port ${port}`) });
});
