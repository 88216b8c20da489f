/** What the embedded Fusion answers beyond the real one, over real sockets. */
import { createServer, get, type IncomingMessage, request } from "node:http";
import type { AddressInfo } from "node:net";
import { gzipSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type EmbeddedFusion, startEmbeddedFusion } from "../../../src/fusion/embedded-fusion.ts";
import { demoFusionConfig, type FusionConfig } from "../../../src/fusion/fusion-config.ts";
import { silentLogger } from "../../../src/sdk/observer.ts";

const DEMO = demoFusionConfig({ pushKey: "push", readKey: "read", pipe: "p", view: "v", viewPort: 0, receiverPort: 0 });
const JSON_HEADERS = { "content-type": "application/json" };
const PUSH = { "x-api-key": "push" };

const withMaxBody = (config: FusionConfig, maxBodyBytes: number): FusionConfig => ({
  ...config,
  receivers: new Map([...config.receivers].map(([id, receiver]) => [id, { ...receiver, maxBodyBytes }])),
});

interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly json: Record<string, unknown>;
}

let fusion: EmbeddedFusion;
let seconds: number;
let receiver: string;

async function start(config: FusionConfig = DEMO): Promise<void> {
  seconds = 1_790_000_000;
  const clock = { wallSeconds: () => seconds, monotonicMs: () => seconds * 1000 };
  fusion = await startEmbeddedFusion({ config, logger: silentLogger, clock });
  receiver = `${fusion.receiverUrls.get("http-receiver")}/api/v1/pipe`;
}

async function call(
  method: string,
  url: string,
  body?: unknown,
  headers: Record<string, string> = {},
): Promise<Answer> {
  const raw = body instanceof Uint8Array ? (body as Uint8Array<ArrayBuffer>) : JSON.stringify(body);
  const response = await fetch(url, {
    method,
    headers: { ...JSON_HEADERS, ...headers },
    body: body === undefined ? null : raw,
  });
  const text = await response.text();
  return { status: response.status, headers: response.headers, json: text === "" ? {} : JSON.parse(text) };
}

async function open(task = "agent:task"): Promise<string> {
  const answer = await call("POST", `${receiver}/session/`, { task_id: task }, PUSH);
  return String(answer.json.session_id);
}

const event = (rows: readonly object[], source: string, index = -1): object => ({
  event_type: "update",
  event_schema: "fs",
  table: "files",
  fields: ["path"],
  rows,
  index,
  message_source: source,
});
const row = (path: string): object => ({
  path,
  file_name: path.slice(path.lastIndexOf("/") + 1),
  size: 1,
  modified_time: 1000,
});
const live = (paths: readonly string[], index = -1): object => ({ events: [event(paths.map(row), "realtime", index)] });
const snapshot = (paths: readonly string[], isEnd = false): object => ({
  events: [event(paths.map(row), "snapshot")],
  source_type: "snapshot",
  is_end: isEnd,
});
const post = (id: string, body: unknown, headers: Record<string, string> = {}): Promise<Answer> =>
  call("POST", `${receiver}/ingest/${id}/events`, body, { ...PUSH, ...headers });
const beat = (id: string): Promise<Answer> => call("POST", `${receiver}/session/${id}/heartbeat`, {}, PUSH);
const position = (id: string): Promise<Answer> => call("GET", `${receiver}/session/${id}/position`, undefined, PUSH);
const view = (path: string, key = "read"): Promise<Answer> =>
  call("GET", `${fusion.viewUrl}/api/v1/views/v/${path}`, undefined, { "x-api-key": key });

/** A request with headers that fetch would not let through. */
function rawStatus(url: string, headers: Record<string, string>): Promise<number> {
  return new Promise((resolve, reject) => {
    get(url, { headers }, (answer) => {
      answer.resume();
      resolve(answer.statusCode ?? 0);
    }).on("error", reject);
  });
}

describe("the embedded Fusion", () => {
  beforeEach(() => start());
  afterEach(() => fusion.stop());

  describe("position", () => {
    it("is the highest realtime index of the task, whichever of its sessions asks", async () => {
      const first = await open();
      expect(await position(first)).toMatchObject({
        status: 404,
        json: { detail: "No position" },
      });
      await post(first, live(["/a"], 70));
      await post(first, live(["/b"], 50));
      await post(first, snapshot(["/c"]));
      const second = await open();
      expect((await position(second)).json).toEqual({ index: 70 });
      const stranger = await open("other:task");
      expect((await position(stranger)).status).toBe(404);
    });

    it("ends with the view's life, and an unknown session has none", async () => {
      const first = await open();
      await post(first, live(["/a"], 70));
      await call("DELETE", `${receiver}/session/${first}`, undefined, PUSH);
      expect((await position(first)).status).toBe(404);
      expect(await position(await open())).toMatchObject({
        json: { detail: "No position" },
      });
    });
  });

  describe("snapshot_needed", () => {
    it("is not said to a leader that starts its snapshot in time", async () => {
      const id = await open();
      expect((await beat(id)).json).not.toHaveProperty("snapshot_needed");
      seconds += 14;
      expect((await post(id, live(["/a"]))).json).not.toHaveProperty("snapshot_needed");
      await post(id, snapshot(["/a"]));
      seconds += 14;
      await beat(id);
      seconds += 14;
      expect((await beat(id)).json).not.toHaveProperty("snapshot_needed");
    });

    it("is said to a leader, not to a follower, that sent none for half its timeout", async () => {
      const id = await open();
      const follower = await open();
      seconds += 15;
      expect((await beat(id)).json.snapshot_needed).toBe(true);
      expect((await post(id, live(["/a"]))).json.snapshot_needed).toBe(true);
      expect((await beat(follower)).json).not.toHaveProperty("snapshot_needed");
      expect((await post(id, snapshot(["/a"], true))).json).not.toHaveProperty("snapshot_needed");
    });

    it("is said at once when an operator emptied the view, which is closed until the new snapshot ends", async () => {
      const id = await open();
      await post(id, snapshot(["/a"], true));
      expect(fusion.viewsReady("v")).toBe(true);
      expect((await call("POST", `${fusion.viewUrl}/api/v1/views/v/reset`, {}, PUSH)).status).toBe(204);
      expect((await view("tree")).status).toBe(503);
      expect((await beat(id)).json.snapshot_needed).toBe(true);
      await post(id, snapshot(["/b"], true));
      expect((await view("tree")).json.children).toMatchObject([{ path: "/b" }]);
    });
  });

  it("shows the envelope's own members in the list of sessions", async () => {
    const id = await open();
    await post(id, { events: [], source_type: "snapshot", snapshot_sync_suggested: true, is_snapshot_end: true });
    const { active_sessions: sessions } = (await view("sessions")).json as { active_sessions: object[] };
    expect(sessions).toMatchObject([
      { session_id: id.slice(0, 8), snapshot_sync_suggested: true, snapshot_ends: 1, role: "leader" },
    ]);
  });

  describe("request bodies", () => {
    it("may be gzip, which the answer to a new session invites to", async () => {
      const opened = await call("POST", `${receiver}/session/`, { task_id: "t" }, { "x-api-key": "push" });
      expect(opened.headers.get("accept-encoding")).toBe("gzip");
      const body = gzipSync(JSON.stringify(snapshot(["/zipped"], true)));
      const answer = await post(String(opened.json.session_id), body, { "content-encoding": "gzip" });
      expect(answer.json).toEqual({ status: "ok", count: 1 });
      expect((await view("tree")).json.children).toMatchObject([{ path: "/zipped" }]);
    });

    it("are refused when they are not what the headers say", async () => {
      const id = await open();
      expect((await post(id, Buffer.from("no gzip"), { "content-encoding": "gzip" })).status).toBe(400);
      expect((await post(id, Buffer.from("{}"), { "content-encoding": "br" })).status).toBe(415);
      expect((await post(id, Buffer.from([0x22, 0xff, 0x22]))).status).toBe(422);
      expect((await post(id, Buffer.from("{bad"))).status).toBe(422);
    });
  });

  it("answers only to loopback names while it listens on loopback", async () => {
    const url = `${fusion.viewUrl}/`;
    const { port } = new URL(url);
    for (const host of [`127.0.0.1:${port}`, "localhost:9", "LOCALHOST", "[::1]:1"]) {
      expect(await rawStatus(url, { host })).toBe(200);
    }
    for (const host of ["evil.example", "127.0.0.1.evil.example", "localhost.evil:80"]) {
      expect(await rawStatus(url, { host })).toBe(403);
    }
  });

  it("takes for a view no key but the view's own", async () => {
    expect((await view("tree", "push")).json).toEqual({ detail: "Invalid or inactive X-API-Key" });
    expect((await call("GET", `${fusion.viewUrl}/api/v1/pipe/pipes`)).status).toBe(401);
    expect((await call("GET", `${fusion.viewUrl}/api/v1/views/none/tree`)).status).toBe(404);
  });

  it("does not tell the id of the session that holds a pipe", async () => {
    const id = await open();
    const pipes = await call("GET", `${fusion.viewUrl}/api/v1/pipe/pipes`, undefined, { "x-api-key": "read" });
    expect(JSON.stringify(pipes.json)).not.toContain(id);
  });

  it("gives a tree of many pieces whole, also to a slow reader while entries come and go", async () => {
    const id = await open();
    const names = Array.from({ length: 60_000 }, (_, at) => `/d${at % 60}/file-${at}`);
    for (let from = 0; from < names.length; from += 10_000) await post(id, snapshot(names.slice(from, from + 10_000)));
    await post(id, snapshot([], true));
    expect(fusion.summaryOf("v")).toEqual({
      ready: true,
      entries: 60_060,
      files: 60_000,
      directories: 60,
      rows: 60_000,
      sessions: 1,
    });
    const answer = await new Promise<IncomingMessage>((resolve, reject) => {
      get(`${fusion.viewUrl}/api/v1/views/v/tree`, { headers: { "x-api-key": "read" } }, resolve).on("error", reject);
    });
    await post(id, { events: [{ ...event([{ path: "/d2" }, { path: "/d59" }], "realtime"), event_type: "delete" }] });
    await post(id, live(names.slice(0, 5000).map((name) => `/new${name}`)));
    answer.setEncoding("utf8");
    let text = "";
    for await (const piece of answer) text += piece;
    const all: string[] = [];
    const visit = (node: { path: string; children?: { path: string }[] }): void => {
      all.push(node.path);
      node.children?.forEach(visit);
    };
    visit(JSON.parse(text));
    expect(new Set(all).size).toBe(all.length);
    expect(all.filter((path) => path.startsWith("/d1/"))).toHaveLength(1000);
  });

  it("closes its ports when it is stopped", async () => {
    await open();
    await fusion.stop();
    await expect(fetch(`${receiver}/session/`)).rejects.toThrow();
  });
});

describe("the limit of a body", () => {
  beforeEach(() => start(withMaxBody(DEMO, 10_000)));
  afterEach(() => fusion.stop());

  it("holds for plain bodies, whether their length is announced or not", async () => {
    const id = await open();
    const big = Buffer.from(JSON.stringify({ events: [], filler: "x".repeat(200_000) }));
    expect((await post(id, big)).status).toBe(413);
    const chunked = await new Promise<number>((resolve, reject) => {
      const headers = { ...JSON_HEADERS, ...PUSH };
      const sent = request(`${receiver}/ingest/${id}/events`, { method: "POST", headers }, (answer) => {
        answer.resume();
        resolve(answer.statusCode ?? 0);
      });
      sent.on("error", reject);
      sent.write(big.subarray(0, 50_000));
      sent.end(big.subarray(50_000));
    });
    expect(chunked).toBe(413);
    expect((await post(id, snapshot(["/a"], true))).status).toBe(200);
  });

  it("holds for what a gzip body unpacks to", async () => {
    const bomb = gzipSync(Buffer.alloc(5_000_000, 0x20));
    expect(bomb.length).toBeLessThan(10_000);
    expect((await post(await open(), bomb, { "content-encoding": "gzip" })).status).toBe(413);
  });
});

describe("a port that is taken", () => {
  it("is an error that names it and leaves nothing open, or passed over where that is allowed", async () => {
    const blocker = createServer();
    await new Promise<void>((resolve) => blocker.listen(0, "127.0.0.1", resolve));
    const taken = (blocker.address() as AddressInfo).port;
    const config = demoFusionConfig({
      pushKey: "push",
      readKey: "read",
      pipe: "p",
      view: "v",
      viewPort: 0,
      receiverPort: taken,
    });
    const options = { config, logger: silentLogger };
    await expect(startEmbeddedFusion(options)).rejects.toThrow(
      `port ${taken} on 127.0.0.1 is taken by another program`,
    );
    const other = await startEmbeddedFusion({ ...options, portFallback: true });
    const { port } = new URL(other.receiverUrls.get("http-receiver") ?? "");
    expect(Number(port)).toBeGreaterThan(taken);
    await other.stop();
    await new Promise((resolve) => blocker.close(resolve));
  });
});
