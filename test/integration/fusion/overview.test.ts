/** What operators see of views, pipes and agents, over real sockets with and without TLS. */
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { request } from "node:https";
import { connect } from "node:net";
import { join } from "node:path";
import { afterEach, expect, onTestFinished, test } from "vitest";
import { viewTables } from "../../../src/cli/fusion/view-lines.ts";
import { type EmbeddedFusion, startEmbeddedFusion } from "../../../src/fusion/embedded-fusion.ts";
import { demoFusionConfig, type FusionConfig } from "../../../src/fusion/fusion-config.ts";
import { withKey } from "../../../src/fusion/keys/key-changes.ts";
import { KeyRegistry } from "../../../src/fusion/keys/key-registry.ts";
import { makeKey } from "../../../src/fusion/keys/key-text.ts";
import { silentLogger } from "../../../src/sdk/observer.ts";
import { PATIENCE } from "../../support/patience.ts";
import { createRecordingLogger } from "../../support/recording-logger.ts";
import { createTempFolder, removeTempFolders } from "../../support/temp-tree.ts";
import { waitFor } from "../../support/wait-for.ts";

const BEGUN = 1_790_000_000;
const DEMO = demoFusionConfig({ pushKey: "push", readKey: "read", pipe: "p", view: "v", viewPort: 0, receiverPort: 0 });

/** A second view that the pipe does not feed. */
const TWO_VIEWS: FusionConfig = {
  ...DEMO,
  views: new Map([
    ...DEMO.views,
    ["w", { id: "w", apiKeys: new Set(["read-w"]), hotFileThresholdSeconds: 30, maxTreeItems: 0 }],
  ]),
};

afterEach(removeTempFolders);

async function start(config: FusionConfig, registry?: KeyRegistry) {
  let seconds = BEGUN;
  const clock = { wallSeconds: () => seconds, monotonicMs: () => seconds * 1000 };
  const options = { config, logger: silentLogger, clock, ...(registry === undefined ? {} : { registry }) };
  const fusion = await startEmbeddedFusion(options);
  onTestFinished(() => fusion.stop());
  const pass = (by: number): void => {
    seconds += by;
  };
  return { fusion, pass };
}

async function call(method: string, url: string, key?: string, body?: object) {
  const headers = { "content-type": "application/json", ...(key === undefined ? {} : { "x-api-key": key }) };
  const answer = await fetch(url, { method, headers, body: body === undefined ? null : JSON.stringify(body) });
  return { status: answer.status, json: JSON.parse(await answer.text()) };
}

const viewsOf = ({ viewUrl }: EmbeddedFusion, key?: string) => call("GET", `${viewUrl}/api/v1/views`, key);

test("views, their pipes and agents are told with when they were seen last, also of those that are gone", async () => {
  const { fusion, pass } = await start(TWO_VIEWS);
  const base = `${fusion.receiverUrls.get("http-receiver")}/api/v1/pipe`;
  expect((await viewsOf(fusion, "read")).json.views).toMatchObject([
    { view_id: "v", state: "empty", entries: 0, agents: [], pipes: [{ pipe_id: "p", receiver: "http-receiver" }] },
  ]);
  const open = async (task: string): Promise<string> =>
    (await call("POST", `${base}/session/`, "push", { task_id: task, client_info: { source_uri: "/d" } })).json
      .session_id;
  const [first, second] = [await open("a1:p"), await open("a2:p")];
  const rows = [{ path: "/d/f", file_name: "f", size: 7, modified_time: 1000 }];
  const event = {
    event_type: "update",
    event_schema: "fs",
    table: "files",
    fields: ["path"],
    rows,
    message_source: "snapshot",
  };
  await call("POST", `${base}/ingest/${first}/events`, "push", { events: [event], source_type: "snapshot" });
  expect((await viewsOf(fusion, "push")).json.views[0]).toMatchObject({ state: "opening", entries: 2 });
  await call("POST", `${base}/ingest/${first}/events`, "push", { events: [], source_type: "snapshot", is_end: true });
  pass(10);
  await call("POST", `${base}/session/${first}/heartbeat`, "push", {});
  pass(5);
  const [view] = (await viewsOf(fusion, "read")).json.views;
  expect(view).toMatchObject({ state: "ready", entries: 2, files: 1, directories: 1, total_size: 7 });
  expect(view.pipes).toEqual([{ pipe_id: "p", receiver: "http-receiver", sessions: 2, rows_received: 1 }]);
  expect(view.agents).toMatchObject([
    { agent_id: "a1", task_id: "a1:p", role: "leader", source_uri: "/d", last_seen: BEGUN + 10, rows: 1 },
    { agent_id: "a2", role: "follower", client_ip: "127.0.0.1", last_seen: BEGUN, rows: 0 },
  ]);
  expect(JSON.stringify(view)).not.toContain(first.slice(0, 8));

  // One closes its session, the other runs out.
  await call("DELETE", `${base}/session/${first}`, "push");
  pass(100);
  const [left] = fusion.overview();
  expect(left?.agents).toMatchObject([
    { agent_id: "a1", role: null, last_seen: BEGUN + 10, rows: null },
    { agent_id: "a2", role: null, last_seen: BEGUN, rows: null },
  ]);
  const text = viewTables(fusion.overview(), BEGUN + 115);
  expect(text).toMatch(/^v +empty, no agent +0 +0 B +p \(http-receiver\)$/m);
  expect(text).toMatch(/^a1 +v +p +gone +1 min 45 s ago +127\.0\.0\.1 +\/d$/m);
  await open("a1:p");
  expect(fusion.overview()[0]?.agents.map(({ agent_id, role }) => [agent_id, role])).toEqual([
    ["a1", "leader"],
    ["a2", null],
  ]);
  expect(second).not.toBe(first);
});

test("a key shows what it is for and nothing else", async () => {
  const registry = new KeyRegistry();
  const [read, push] = [makeKey(() => false), makeKey(() => false)];
  const now = Date.now() / 1000;
  const one = withKey([], { scope: "read", target: "w", name: null, expires: null }, read, now);
  registry.replace(withKey(one, { scope: "push", target: "p", name: null, expires: null }, push, now));
  const { fusion } = await start(TWO_VIEWS, registry);
  const shown = async (key: string) =>
    (await viewsOf(fusion, key)).json.views.map(({ view_id }: { view_id: string }) => view_id);
  expect(await Promise.all(["read", "read-w", "push", read.text, push.text].map(shown))).toEqual([
    ["v"],
    ["w"],
    ["v"],
    ["w"],
    ["v"],
  ]);
  expect(await viewsOf(fusion)).toEqual({ status: 401, json: { detail: "X-API-Key header is missing" } });
  expect(await viewsOf(fusion, "wrong")).toEqual({ status: 401, json: { detail: "Invalid or inactive X-API-Key" } });
  expect(fusion.overview().map(({ view_id }) => view_id)).toEqual(["v", "w"]);
});

function certificate(): { readonly certFile: string; readonly keyFile: string } {
  const folder = createTempFolder("tls");
  const [certFile, keyFile] = [join(folder, "c.pem"), join(folder, "k.pem")];
  const args = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"];
  execFileSync("openssl", [...args, "-keyout", keyFile, "-out", certFile], { stdio: "ignore" });
  return { certFile, keyFile };
}

const secured = (tls: { readonly certFile: string; readonly keyFile: string }): FusionConfig => ({
  ...DEMO,
  tls,
  receivers: new Map([...DEMO.receivers].map(([id, receiver]) => [id, { ...receiver, tls }])),
});

test("with TLS both addresses answer over https alone", async () => {
  const tls = certificate();
  const { fusion } = await start(secured(tls));
  for (const url of [
    `${fusion.viewUrl}/api/v1/views`,
    `${fusion.receiverUrls.get("http-receiver")}/api/v1/pipe/session/`,
  ]) {
    expect(url).toMatch(/^https:/);
    const status = await new Promise((resolve, reject) => {
      const options = { headers: { "x-api-key": "push" }, rejectUnauthorized: false };
      request(url, options, (answer) => resolve(answer.resume().statusCode))
        .on("error", reject)
        .end();
    });
    expect(status).toBe(200);
    await expect(fetch(url.replace("https:", "http:"))).rejects.toThrow();
  }
});

test("a connection in the middle of its TLS handshake does not hold up a stop", async () => {
  const { fusion } = await start(secured(certificate()));
  const mute = connect(Number(new URL(fusion.viewUrl).port), "127.0.0.1");
  mute.on("error", () => undefined);
  onTestFinished(() => void mute.destroy());
  await once(mute, "connect");
  // A connection that comes later is answered, so this one was taken before the stop.
  await new Promise((resolve, reject) => {
    request(fusion.viewUrl, { rejectUnauthorized: false }, (answer) => resolve(answer.resume()))
      .on("error", reject)
      .end();
  });
  let isStopped = false;
  void fusion.stop().then(() => {
    isStopped = true;
  });
  // Not longer on a slow machine: after 10 s the handshake ends by itself.
  await waitFor(() => isStopped, { timeoutMs: 8_000 / PATIENCE, what: "the stop" });
});

test("files of no use are named, and a plain address beyond loopback is warned of", async () => {
  const good = certificate();
  const failing = (tls: typeof good) => startEmbeddedFusion({ config: secured(tls), logger: silentLogger });
  await expect(failing({ ...good, certFile: "/none.pem" })).rejects.toThrow(
    "views: cert_file /none.pem cannot be read (ENOENT)",
  );
  await expect(failing({ certFile: good.keyFile, keyFile: good.keyFile })).rejects.toThrow(
    "no certificate with its key",
  );
  await expect(failing({ ...good, keyFile: certificate().keyFile })).rejects.toThrow("no certificate with its key");

  const logger = createRecordingLogger();
  const open = await startEmbeddedFusion({ config: { ...DEMO, host: "0.0.0.0" }, logger });
  onTestFinished(() => open.stop());
  expect(logger.messages().join("\n")).toMatch(/views: keys come without TLS/);
  expect(logger.messages().join("\n")).not.toMatch(/receiver http-receiver: keys come/);
});
