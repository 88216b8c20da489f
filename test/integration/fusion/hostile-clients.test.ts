/** What whoever can reach the embedded Fusion must not be able to do to it, over real sockets. */
import { once } from "node:events";
import { get, type IncomingMessage, request } from "node:http";
import { connect, type Socket } from "node:net";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { gzipSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type EmbeddedFusion, startEmbeddedFusion } from "../../../src/fusion/embedded-fusion.ts";
import { type FusionConfig, parseFusionConfig } from "../../../src/fusion/fusion-config.ts";
import type { ServerBounds } from "../../../src/fusion/http-server.ts";
import { silentLogger } from "../../../src/sdk/observer.ts";
import { lasting, waitFor } from "../../support/wait-for.ts";

const CONFIG: FusionConfig = parseFusionConfig([
  {
    file: "hostile.yaml",
    text: `
port: 0
receivers:
  one: {port: 0, api_keys: [{key: push-1, pipe_id: p1}, {key: push-2, pipe_id: p2}]}
  other: {port: 0, api_keys: [{key: push-3, pipe_id: p3}]}
views:
  v1: {api_keys: [read-1], driver_params: {max_tree_items: 0}}
  v2: {api_keys: [read-2]}
pipes:
  p1: {receiver: one, views: [v1]}
  p2: {receiver: one, views: [v2]}
  p3: {receiver: other, views: [v2]}
`,
  },
]);

interface Answer {
  readonly status: number;
  readonly text: string;
}

let fusion: EmbeddedFusion;
let receiver: string;
let view: string;
const sockets: Socket[] = [];

async function call(
  method: string,
  url: string,
  key?: string,
  body?: string | Uint8Array,
  gzip = false,
): Promise<Answer> {
  const headers: Record<string, string> = { "content-type": "application/json" };
  if (key !== undefined) headers["x-api-key"] = key;
  if (gzip) headers["content-encoding"] = "gzip";
  const answer = await fetch(url, {
    method,
    headers,
    body: (body as Uint8Array<ArrayBuffer> | string | undefined) ?? null,
  });
  return { status: answer.status, text: await answer.text() };
}

async function open(key = "push-1", extra = ""): Promise<string> {
  const answer = await call("POST", `${receiver}/session/`, key, `{"task_id":"a:t"${extra}}`);
  return (JSON.parse(answer.text) as { session_id: string }).session_id;
}

const events = (rows: string, source = "realtime", type = "update"): string =>
  `{"event_type":"${type}","event_schema":"fs","table":"files","fields":[],"rows":${rows},"message_source":"${source}"}`;
const post = (id: string, body: string | Uint8Array, key = "push-1", gzip = false): Promise<Answer> =>
  call("POST", `${receiver}/ingest/${id}/events`, key, body, gzip);
const live = (id: string, rows: string): Promise<Answer> => post(id, `{"events":[${events(rows)}]}`);
const endSnapshot = (id: string): Promise<Answer> => post(id, '{"events":[],"source_type":"snapshot","is_end":true}');
const ask = (path: string, key = "read-1"): Promise<Answer> => call("GET", `${view}/views/v1/${path}`, key);
const asked = async (path: string): Promise<Record<string, unknown>> => JSON.parse((await ask(path)).text);
const refusedRows = async (): Promise<unknown> => (await asked("stats")).rows_refused;

/** The head of a request and what is given of its body. The answer is what comes before the rest would be sent. */
async function begin(url: string, headers: Record<string, string>, part?: Uint8Array): Promise<number> {
  const sent = request(url, { method: "POST", headers: { "content-type": "application/json", ...headers } });
  sent.on("error", () => undefined);
  sent.flushHeaders();
  if (part !== undefined) sent.write(part);
  const [answer] = (await once(sent, "response")) as [IncomingMessage];
  sent.destroy();
  return answer.statusCode ?? 0;
}

async function start(bounds: ServerBounds = {}): Promise<void> {
  fusion = await startEmbeddedFusion({ config: CONFIG, logger: silentLogger, bounds });
  receiver = `${fusion.receiverUrls.get("one")}/api/v1/pipe`;
  view = `${fusion.viewUrl}/api/v1`;
}

beforeEach(() => start());
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await fusion.stop();
});

describe("a body", () => {
  it("is not waited for when the key is missing or wrong, or the session unknown", async () => {
    const url = `${receiver}/ingest/none/events`;
    const length = { "content-length": "60000" };
    expect(await begin(url, length)).toBe(401);
    expect(await begin(url, { ...length, "x-api-key": "wrong" })).toBe(401);
    expect(await begin(url, { ...length, "x-api-key": "read-1" })).toBe(401);
    expect(await begin(url, { ...length, "x-api-key": "push-1" })).toBe(404);
    expect(await begin(`${receiver}/session/`, length)).toBe(401);
    expect(await begin(`${receiver}/session/none/heartbeat`, length)).toBe(401);
    expect(await begin(`${receiver}/consistency/sentinel/feedback`, length)).toBe(401);
    expect(await begin(`${receiver}/consistency/sentinel/feedback`, { ...length, "x-api-key": "read-1" })).toBe(403);
  });

  it("of lists in lists is refused before it is parsed, whatever it unpacks to", async () => {
    const id = await open();
    const half = Buffer.alloc(8_000_000, "[");
    const nested = gzipSync(Buffer.concat([half, Buffer.alloc(8_000_000, "]")]));
    const flat = gzipSync(Buffer.from(`[${"[],".repeat(4_000_000)}1]`));
    const before = performance.now();
    for (const body of [nested, flat, gzipSync(half)]) expect((await post(id, body, "push-1", true)).status).toBe(422);
    expect((await post(id, gzipSync(Buffer.alloc(20_000_000, "[")), "push-1", true)).status).toBe(413);
    expect(performance.now() - before).toBeLessThan(5000);
    expect((await live(id, '[{"path":"/[[[","modified_time":1,"file_name":"\\"[[["}]')).status).toBe(200);
    await endSnapshot(id);
    expect((await asked("tree")).children).toMatchObject([{ path: "/[[[" }]);
  });

  it("that would be one too many under way is put off, and taken once the others are gone", async () => {
    const id = await open();
    const url = `${receiver}/ingest/${id}/events`;
    const headers = { "x-api-key": "push-1", "content-type": "application/json", "content-length": "16000001" };
    const part = Buffer.alloc(15_900_000, " ");
    const holders = Array.from({ length: 4 }, () => {
      const sent = request(url, { method: "POST", headers });
      sent.on("error", () => undefined);
      sent.write(part);
      return sent;
    });
    const small = `{"events":[]${" ".repeat(600_000)}}`;
    await waitFor(async () => (await post(id, `{"events":[]${" ".repeat(12_000_000)}}`)).status === 503, {
      timeoutMs: 20_000,
      what: "four bodies that never end fill the budget",
    });
    for (const holder of holders) holder.destroy();
    await waitFor(async () => (await post(id, small)).status === 200, {
      timeoutMs: 10_000,
      what: "the budget is free",
    });
  });
});

describe("a session", () => {
  it("is touched by nobody but who has the push key of its pipe", async () => {
    const id = await open();
    const session = `${receiver}/session/${id}`;
    const elsewhere = `${fusion.receiverUrls.get("other")}/api/v1/pipe`;
    for (const key of [undefined, "read-1", "push-3"]) {
      expect((await call("DELETE", session, key)).status).toBe(401);
      expect((await call("POST", `${session}/heartbeat`, key, "{}")).status).toBe(401);
      expect((await call("GET", `${session}/position`, key)).status).toBe(401);
    }
    expect((await call("DELETE", session, "push-2")).status).toBe(200);
    expect((await call("DELETE", `${elsewhere}/session/${id}`, "push-3")).status).toBe(200);
    expect((await call("POST", `${session}/heartbeat`, "push-2", "{}")).status).toBe(419);
    expect((await call("GET", `${session}/position`, "push-2")).status).toBe(404);
    expect((await post(id, '{"events":[]}', "push-2")).status).toBe(404);
    expect((await call("POST", `${elsewhere}/ingest/${id}/events`, "push-3", '{"events":[]}')).status).toBe(404);
    expect((await call("POST", `${session}/heartbeat`, "push-1", "{}")).status).toBe(200);
  });

  it("lives a day at most without a heartbeat, whatever it asks for", async () => {
    const asks = (timeout: string): Promise<Answer> =>
      call("POST", `${receiver}/session/`, "push-1", `{"task_id":"a","session_timeout_seconds":${timeout}}`);
    expect(JSON.parse((await asks("1e308")).text)).toMatchObject({ session_timeout_seconds: 86_400 });
    expect(JSON.parse((await asks("86401")).text)).toMatchObject({ session_timeout_seconds: 86_400 });
    expect((await asks("1e400")).status).toBe(422);
    expect((await asks("0")).status).toBe(422);
  });
});

describe("a read key", () => {
  it("changes nothing", async () => {
    const id = await open();
    await live(id, '[{"path":"/a","modified_time":5,"is_atomic_write":false}]');
    await endSnapshot(id);
    for (const base of [receiver, `${view}/pipe`]) {
      for (const path of ["audit/start", "audit/end", "sentinel/feedback"]) {
        expect((await call("POST", `${base}/consistency/${path}`, "read-1", "{}")).status).toBe(403);
      }
      expect((await call("GET", `${base}/consistency/sentinel/tasks`, "read-1")).status).toBe(403);
    }
    expect((await call("POST", `${view}/views/v1/reset`, "read-1")).status).toBe(403);
    expect((await call("DELETE", `${view}/views/v1/reset`, "read-2")).status).toBe(401);
    expect((await call("DELETE", `${view}/views/v1/reset`, "push-2")).status).toBe(401);
    expect((await asked("tree")).children).toMatchObject([{ path: "/a" }]);
    expect((await call("POST", `${view}/views/v1/reset`, "push-1")).status).toBe(204);
  });

  it("is told no more of the ids of sessions than their beginnings", async () => {
    const id = await open();
    await endSnapshot(id);
    for (const path of ["sessions", "jobs", "stats", "tree?on_demand_scan=true", "jobs"]) {
      expect((await ask(path)).text).not.toContain(id);
    }
    for (const path of ["pipes", "stats"]) {
      expect((await call("GET", `${view}/pipe/${path}`, "read-1")).text).not.toContain(id);
    }
    expect(await asked("sessions")).toMatchObject({ active_sessions: [{ session_id: id.slice(0, 8) }] });
  });

  it("does not fill an agent's list of scans without end", async () => {
    const id = await open();
    await endSnapshot(id);
    const answers: number[] = [];
    for (let at = 0; at < 70; at++) answers.push((await ask(`tree?path=/${at}&on_demand_scan=true`)).status);
    expect(answers.filter((status) => status === 429)).toHaveLength(6);
    const beat = await call("POST", `${receiver}/session/${id}/heartbeat`, "push-1", "{}");
    expect((JSON.parse(beat.text) as { commands: unknown[] }).commands).toHaveLength(64);
  });
});

describe("numbers", () => {
  it("that JSON cannot say do not get into the view", async () => {
    const id = await open();
    await live(id, '[{"path":"/a","modified_time":5,"is_atomic_write":false}]');
    await endSnapshot(id);
    const update = '{"type":"suspect_update","updates":[{"path":"/a","mtime":1e400,"size":1e400,"status":"exists"}]}';
    expect((await call("POST", `${receiver}/consistency/sentinel/feedback`, "push-1", update)).status).toBe(200);
    await live(
      id,
      '[{"path":"/b","modified_time":1e400},{"path":"/c","modified_time":6,"created_time":-1e400,"size":1}]',
    );
    expect((await asked("tree")).children).toMatchObject([
      { path: "/a", modified_time: 5 },
      { path: "/c", created_time: 0 },
    ]);
  });

  it("that are no sizes are refused, so that the sum of all sizes is one", async () => {
    const id = await open();
    const sizes = ["1e308", "1e308", "-1", "-1e400", "1e19", "9223372036854775807", "0"];
    await live(id, `[${sizes.map((size, at) => `{"path":"/${at}","modified_time":5,"size":${size}}`).join(",")}]`);
    await endSnapshot(id);
    expect(await asked("stats")).toMatchObject({ total_files: 2, total_size: 2 ** 63 });
    expect(await refusedRows()).toMatchObject({ malformed: 5 });
  });
});

describe("paths", () => {
  it("are taken as far as a file can have them", async () => {
    const id = await open();
    const long = `/${"d/".repeat(100)}${"x".repeat(3895)}`;
    expect(long).toHaveLength(4096);
    const odd = `/${"‛FF".repeat(4095)}`;
    for (const path of [long, odd, `${long}y`, `${odd}‛FE`, `/${"d/".repeat(20_000)}x`, `/${"é".repeat(2048)}`]) {
      expect((await live(id, JSON.stringify([{ path, modified_time: 5 }]))).status).toBe(200);
    }
    await endSnapshot(id);
    expect(await refusedRows()).toMatchObject({ malformed: 4 });
    expect((await asked("stats")).total_directories).toBe(101);
  });

  it("of any depth are taken from who tells of the directories first, and do not bring hundreds along", async () => {
    const id = await open();
    const path = (depth: number): string => "/d".repeat(depth);
    const rows = Array.from({ length: 1000 }, (_, at) => ({
      path: path(at + 1),
      is_directory: true,
      modified_time: 5,
    }));
    await live(id, JSON.stringify(rows));
    await live(id, JSON.stringify([{ path: `${path(1254)}/x`, modified_time: 5 }]));
    await live(
      id,
      JSON.stringify([
        { path: `${path(1600)}/x`, modified_time: 5 },
        { path: `/e${path(256)}`, modified_time: 5 },
      ]),
    );
    await endSnapshot(id);
    expect(await asked("stats")).toMatchObject({ total_files: 1, total_directories: 1255 });
    expect(await refusedRows()).toMatchObject({ malformed: 2 });
  });
});

describe("readers", () => {
  it("that search for anything keep nobody waiting", async () => {
    const id = await open();
    const name = (at: number): string => `${"a".repeat(230)}${at}`;
    for (let from = 0; from < 20_000; from += 5000) {
      await live(
        id,
        JSON.stringify(Array.from({ length: 5000 }, (_, at) => ({ path: `/${name(from + at)}`, modified_time: 5 }))),
      );
    }
    await endSnapshot(id);
    const delay = monitorEventLoopDelay({ resolution: 5 });
    delay.enable();
    const before = performance.now();
    const patterns = [`*${"a".repeat(120)}b`, `*${"a*".repeat(100)}b`, `*${"?".repeat(120)}b`, `/*${"a".repeat(120)}b`];
    const answers = await Promise.all(patterns.map((pattern) => ask(`search?pattern=${encodeURIComponent(pattern)}`)));
    delay.disable();
    for (const answer of answers) expect(answer).toEqual({ status: 200, text: "[]" });
    expect(performance.now() - before).toBeLessThan(20_000);
    expect(delay.max / 1e6).toBeLessThan(1000);
    expect((await ask(`search?pattern=${"*".repeat(257)}`)).status).toBe(422);
    expect(JSON.parse((await ask(`search?pattern=*a77`)).text)).toHaveLength(1);
  });

  it("that take nothing are given up, the others are not", async () => {
    await fusion.stop();
    await start({ stalledMs: 3000 });
    const id = await open();
    for (let from = 0; from < 100_000; from += 10_000) {
      await live(
        id,
        JSON.stringify(
          Array.from({ length: 10_000 }, (_, at) => ({ path: `/${from + at}-${"n".repeat(100)}`, modified_time: 5 })),
        ),
      );
    }
    await endSnapshot(id);
    const { port } = new URL(view);
    const stalled = connect(Number(port), "127.0.0.1");
    sockets.push(stalled);
    stalled.on("error", () => undefined);
    stalled.write("GET /api/v1/views/v1/tree HTTP/1.1\r\nHost: localhost\r\nX-API-Key: read-1\r\n\r\n");
    stalled.pause();
    const slow = await new Promise<IncomingMessage>((resolve, reject) => {
      get(`${view}/views/v1/tree`, { headers: { "x-api-key": "read-1" } }, resolve).on("error", reject);
    });
    let bytes = 0;
    for await (const piece of slow) {
      bytes += (piece as Buffer).length;
      if (bytes < 20_000_000) await lasting(10, "a slow reader");
    }
    expect(slow.complete).toBe(true);
    await lasting(4500, "longer than a line may be silent");
    // Whatever waits in the kernel's buffers may still come; the end does without the rest.
    let received = 0;
    stalled.on("data", (piece) => {
      received += piece.length;
    });
    stalled.resume();
    await waitFor(() => stalled.destroyed || stalled.readableEnded, { timeoutMs: 30_000, what: "the line is closed" });
    expect(received).toBeLessThan(bytes);
  });
});

it("takes no more connections than it can serve", async () => {
  await fusion.stop();
  await start({ mostConnections: 512 });
  const { port } = new URL(receiver);
  let closed = 0;
  for (let at = 0; at < 600; at++) {
    const socket = connect(Number(port), "127.0.0.1");
    socket.on("error", () => undefined);
    socket.on("close", () => closed++);
    sockets.push(socket);
  }
  await waitFor(() => closed >= 88, { timeoutMs: 20_000, what: "those beyond the bound are closed" });
  sockets[0]?.destroy();
  await waitFor(async () => (await open().catch(() => "")) !== "", { timeoutMs: 20_000, what: "another one gets in" });
});
