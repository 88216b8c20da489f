/** The streams of the admin API with a real agent: they resume, they cut off who does not read, and they slow nothing. */
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { join } from "node:path";
import { getRequestListener, type HttpBindings } from "@hono/node-server";
import { Hono } from "hono";
import { expect, onTestFinished, test } from "vitest";
import { eventFeed } from "../../../src/admin/event-feed.ts";
import { EventStreams, type Feed } from "../../../src/admin/event-stream.ts";
import { Journal } from "../../../src/admin/journal.ts";
import { startEmbeddedFusion } from "../../../src/fusion/embedded-fusion.ts";
import { demoFusionConfig } from "../../../src/fusion/fusion-config.ts";
import { silentLogger } from "../../../src/sdk/index.ts";
import { type AdminScene, adminScene, type Stream } from "../../support/admin-api.ts";
import { PATIENCE } from "../../support/patience.ts";
import { waitFor } from "../../support/wait-for.ts";

const API = "/api/v1";

const whole = ({ agent }: AdminScene): Promise<unknown> =>
  waitFor(() => agent.status().pipes[0]?.snapshot === "complete", {
    timeoutMs: 10_000 * PATIENCE,
    what: "the first snapshot",
  });

const act = (scene: AdminScene, count: number): Promise<unknown> =>
  Promise.all(Array.from({ length: count }, () => scene.socket.ask(`${API}/pipes/p1/sentinel`, { method: "POST" })));

const idsOf = async (stream: Stream, count: number): Promise<number[]> => {
  const ids: number[] = [];
  while (ids.length < count) ids.push(Number((await stream.next()).id));
  return ids;
};

test("a stream that broke goes on after the last event that came, without a gap", async () => {
  const scene = await adminScene();
  const path = `${API}/events?kinds=action`;
  const first = await scene.port.stream(path);
  await act(scene, 3);
  const [one = 0, two = 0, three = 0] = await idsOf(first, 3);
  expect([two > one, three > two]).toEqual([true, true]);
  first.close();
  await act(scene, 2);
  const second = await scene.port.stream(path, { "last-event-id": String(two) });
  const [again, ...later] = await idsOf(second, 3);
  expect(again).toBe(three);
  expect(later.every((id) => id > three)).toBe(true);
  const byQuery = await scene.port.stream(`${path}&after=${two}`);
  expect(await idsOf(byQuery, 3)).toEqual([again, ...later]);
});

test("who comes back with an id that is gone is told of the gap", async () => {
  const scene = await adminScene();
  await act(scene, 1);
  const stream = await scene.port.stream(`${API}/events?kinds=action`, { "last-event-id": "1" });
  expect(await stream.next()).toMatchObject({ event: "gap", data: { after: 1 } });
  expect(await stream.next()).toMatchObject({ event: "action" });
});

test("states of pipes and lines of the log are events", async () => {
  const scene = await adminScene();
  await whole(scene);
  const stream = await scene.port.stream(`${API}/events?kinds=pipe,log&level=info`);
  await scene.socket.ask(`${API}/pipes/p1/stop`, { method: "POST" });
  const seen: string[] = [];
  while (!seen.includes("stopped")) {
    const { event, data } = await stream.next();
    seen.push(String(event === "pipe" ? data.state : data.level));
  }
  expect(seen).toContain("draining");
  expect(seen).not.toContain("debug");
});

test("HEAD of a stream opens none", async () => {
  const { port, socket } = await adminScene();
  for (const client of [port, socket]) {
    for (let times = 0; times < 7; times++) {
      const { status, headers } = await client.ask(`${API}/events`, { method: "HEAD" });
      expect({ status, type: headers["content-type"] }).toMatchObject({
        status: 200,
        type: expect.stringContaining("text/event-stream"),
      });
    }
    (await client.stream(`${API}/pipes/p1/tap`)).close();
  }
});

test("a stream whose feed fails makes room for the next one", async () => {
  const streams = new EventStreams();
  const failing: Feed = async function* () {
    yield "first\n\n";
    throw new Error("the feed failed");
  };
  for (let times = 0; times < 7; times++) {
    const answer = streams.open(failing, () => undefined);
    await expect(answer?.text()).rejects.toThrow("the feed failed");
  }
});

test("a reader that takes nothing is cut off and costs no more than what it took, and the others go on", async () => {
  const streams = new EventStreams(500);
  let made = 0;
  let over = false;
  const flood: Feed = async function* () {
    try {
      for (; ; made++) yield `${"x".repeat(65_536)}\n\n`;
    } finally {
      over = true;
    }
  };
  const app = new Hono<{ Bindings: HttpBindings }>();
  app.get("/", ({ env }) => {
    const cutOff = (): void => void env.outgoing.destroy();
    return streams.open(flood, cutOff) ?? new Response("full", { status: 503 });
  });
  const server = createServer(getRequestListener(app.fetch, { overrideGlobalObjects: false }));
  onTestFinished(() => void server.close());
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const lines = Array.from({ length: 6 }, () => {
    const line = connect(port, "127.0.0.1").pause();
    line.on("error", () => undefined);
    line.write("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
    onTestFinished(() => void line.destroy());
    return line;
  });
  const status = async (): Promise<number> => {
    const abort = new AbortController();
    const answer = await fetch(`http://127.0.0.1:${port}/`, { signal: abort.signal });
    abort.abort();
    return answer.status;
  };
  await waitFor(async () => over && (await status()) === 200, {
    timeoutMs: 10_000 * PATIENCE,
    what: () => `the readers are cut off, after ${made} parts`,
  });
  // What the buffers of six sockets hold, and not what was there to be sent.
  expect(made * 65_536).toBeLessThan(200 * 1024 * 1024);
  expect(lines).toHaveLength(6);
});

test("a reader that falls behind the journal is told, and its stream ends", async () => {
  const journal = new Journal(1, { maxEntries: 10, maxLength: 10_000 });
  const wish = { after: undefined, kinds: ["pipe"], level: "info" } as const;
  const feed = eventFeed(journal, wish)(new AbortController().signal);
  expect((await feed.next()).value).toContain("retry");
  journal.append("pipe", "1");
  expect((await feed.next()).value).toContain("data: 1");
  for (let at = 0; at < 100; at++) journal.append("pipe", "later");
  expect((await feed.next()).value).toContain("event: dropped");
  expect(await feed.next()).toEqual({ done: true, value: undefined });
});

test("a tap under a flood of changes leaves the view of the receiver whole, and shows or counts every change", async () => {
  const keys = { pushKey: "push-key", readKey: "read-key", pipe: "pipe-1", view: "unified" };
  const config = demoFusionConfig({ ...keys, viewPort: 0, receiverPort: 0 });
  const fusion = await startEmbeddedFusion({ config, logger: silentLogger });
  onTestFinished(() => fusion.stop());
  const scene = await adminScene({
    yaml: (root) => `
sources: [{id: s1, type: fs, config: {uri: ${JSON.stringify(root)}}}]
senders: [{id: f, type: fusion, config: {endpoint: "${fusion.receiverUrls.get("http-receiver")}", credential: push-key}}]
pipes: [{id: p1, source_id: s1, sender_id: f, enabled: true}]
`,
  });
  await whole(scene);
  const tap = await scene.port.stream(`${API}/pipes/p1/tap`);
  const silent = await scene.port.stream(`${API}/pipes/p1/tap?filter=*.none`);
  expect([(await tap.next()).event, (await silent.next()).event]).toEqual(["listening", "listening"]);
  const [files, before] = [3000, fusion.summaryOf("unified")?.entries ?? 0];
  for (let at = 0; at < files; at += 100) {
    const batch = Array.from({ length: 100 }, (_, more) => writeFile(join(scene.root, "d", `f${at + more}`), "x"));
    await Promise.all(batch);
  }
  const entries = (): number => fusion.summaryOf("unified")?.entries ?? 0;
  await waitFor(() => entries() === before + files, {
    timeoutMs: 20_000 * PATIENCE,
    what: () => `all entries in the view, ${entries()} so far`,
  });
  let accounted = 0;
  const shown = new Set<unknown>();
  while (accounted < files) {
    const { event, data } = await tap.next();
    if (event === "left-out") accounted += Number(data.count);
    else if (String(data.key).startsWith("/d/f") && !shown.has(data.key)) accounted++;
    shown.add(data.key);
  }
  expect(shown.size).toBeGreaterThan(100);
});
