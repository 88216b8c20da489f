/** Every route of the admin API with a real agent, over the control socket and over the port. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { z } from "zod";
import { ROUTES } from "../../../src/admin/routes.ts";
import { type AdminClient, type AdminScene, adminScene, echoConfig } from "../../support/admin-api.ts";
import { PATIENCE } from "../../support/patience.ts";
import { waitFor } from "../../support/wait-for.ts";

const API = "/api/v1";

const schemaOf = (method: string, path: string): z.ZodType => {
  const found = ROUTES.find((route) => route.method === method && route.path === path);
  if (found?.answer === undefined) throw new Error(`no route ${method} ${path} with an answer`);
  return found.answer.schema;
};

/** The body of a good answer, which is as the document says. */
async function got<T>(client: AdminClient, path: string, route = path): Promise<T> {
  const { status, body } = await client.ask(`${API}${path}`);
  expect({ path, status, body }).toMatchObject({ status: 200 });
  return schemaOf("get", route.split("?")[0] ?? "").parse(body) as T;
}

async function posted(client: AdminClient, path: string, route: string) {
  const { status, body } = await client.ask(`${API}${path}`, { method: "POST" });
  if (status < 300) schemaOf("post", route).parse(body);
  return { status, body };
}

const stateOf = ({ agent }: AdminScene, pipe = "p1") => agent.status().pipes.find(({ id }) => id === pipe);

const whole = (scene: AdminScene): Promise<unknown> =>
  waitFor(() => stateOf(scene)?.snapshot === "complete", { timeoutMs: 10_000 * PATIENCE, what: "the first snapshot" });

test("state, pipes, sources, drivers and the configuration are the same on both ways", async () => {
  const scene = await adminScene();
  await whole(scene);
  for (const client of [scene.socket, scene.port]) {
    const state = await got<{ pipes: unknown[]; sources: unknown[] }>(client, "/state");
    expect(state).toMatchObject({ state: "running", home: scene.home, pipes: [{ id: "p1", snapshot: "complete" }] });
    expect(await got(client, "/pipes")).toMatchObject([{ id: "p1", role: "leader" }]);
    expect(await got(client, "/pipes/p1", "/pipes/{pipe}")).toMatchObject({ id: "p1" });
    expect(await got(client, "/sources")).toMatchObject([{ ids: ["s1"], uri: scene.root, status: { entries: 2 } }]);
    expect(await got(client, "/drivers")).toContainEqual(expect.objectContaining({ kind: "source", name: "fs" }));
    expect(await got(client, "/config")).toMatchObject({ sources: [{ id: "s1" }], pipes: [{ id: "p1" }] });
    expect((await client.ask(`${API}/openapi.json`)).body).toMatchObject({ openapi: "3.1.0" });
    expect(await client.ask(`${API}/pipes/nobody`)).toMatchObject({
      status: 404,
      body: { error: { code: "pipe_unknown" } },
    });
  }
});

test("the configuration is shown without its secrets", async () => {
  const secret = "SECRET-of-the-sender";
  const yaml = (root: string): string => `
sources: [{id: s1, type: fs, config: {uri: ${JSON.stringify(root)}}}]
senders:
  - {id: f, type: fusion, config: {endpoint: "http://127.0.0.1:9", credential: ${secret}}}
  - {id: e, type: echo, config: {}}
pipes:
  - {id: p1, source_id: s1, sender_id: e, enabled: true}
  - {id: p2, source_id: s1, sender_id: f}
console: {token: ${secret}}
`;
  const scene = await adminScene({ yaml });
  const text = JSON.stringify(await got(scene.port, "/config"));
  expect(text).not.toContain(secret);
  expect(text).toContain("127.0.0.1:9");
  expect(text).toContain(`"credential":"***"`);
});

test("a pipe is stopped, started and started again, and one that is not there is named", async () => {
  const scene = await adminScene();
  const { port } = scene;
  expect(await posted(port, "/pipes/p1/stop", "/pipes/{pipe}/stop")).toMatchObject({ status: 200 });
  expect(stateOf(scene)?.state).toBe("stopped");
  const begun = await posted(port, "/pipes/p1/start", "/pipes/{pipe}/start");
  expect(begun).toMatchObject({ status: 200, body: { pipes: [{ pipe: "p1", ran: false }] } });
  const again = await posted(port, "/pipes/p1/start", "/pipes/{pipe}/start");
  expect(again.body).toMatchObject({ pipes: [{ pipe: "p1", ran: true }] });
  const anew = await posted(port, "/pipes/p1/restart", "/pipes/{pipe}/restart");
  expect(anew.body).toMatchObject({ pipes: [{ pipe: "p1", ran: false }] });
  await whole(scene);
  expect(await posted(port, "/pipes/nobody/stop", "")).toMatchObject({ status: 404 });
  expect(await posted(port, "/pipes/nobody/restart", "")).toMatchObject({ status: 404 });
  const refused = await posted(port, "/pipes/nobody/start", "");
  expect(refused).toMatchObject({ status: 422, body: { error: { code: "FUSTOR_CONFIG_INVALID" } } });
});

test("a pipe that is started many times at once is there once", async () => {
  const scene = await adminScene();
  await posted(scene.port, "/pipes/p1/stop", "/pipes/{pipe}/stop");
  const answers = await Promise.all(
    Array.from({ length: 6 }, () => posted(scene.port, "/pipes/p1/start", "/pipes/{pipe}/start")),
  );
  const ran = answers.map(({ body }) => (body as { pipes: { ran: boolean }[] }).pipes[0]?.ran);
  expect(ran.filter((each) => each === false)).toHaveLength(1);
  expect(scene.agent.status().pipes.map(({ id }) => id)).toEqual(["p1"]);
});

test("a restart that the configuration forbids leaves the pipe running", async () => {
  const scene = await adminScene();
  await whole(scene);
  await scene.configure("pipse: {}");
  const refused = await posted(scene.port, "/pipes/p1/restart", "/pipes/{pipe}/restart");
  expect(refused).toMatchObject({ status: 422, body: { error: { code: "FUSTOR_CONFIG_INVALID" } } });
  expect(stateOf(scene)?.state).toBe("running");
});

test("a leader sends everything anew when it is asked to, and one at a time", async () => {
  const scene = await adminScene();
  await whole(scene);
  const before = stateOf(scene)?.rowsSent.snapshot ?? 0;
  const events = await scene.port.stream(`${API}/events?kinds=action`);
  const { status } = await posted(scene.port, "/pipes/p1/snapshot", "/pipes/{pipe}/snapshot");
  expect(status).toBe(202);
  const isSent = (): boolean => (stateOf(scene)?.rowsSent.snapshot ?? 0) === 2 * before;
  await waitFor(isSent, {
    timeoutMs: 10_000 * PATIENCE,
    what: () => `as many rows again: ${JSON.stringify(stateOf(scene))}`,
  });
  expect(await events.next()).toMatchObject({ data: { action: "/pipes/p1/snapshot", from: "status page" } });
  await posted(scene.port, "/pipes/p1/stop", "/pipes/{pipe}/stop");
  expect(await posted(scene.port, "/pipes/p1/snapshot", "")).toMatchObject({ status: 404 });
});

test("a snapshot is paused, goes on and is cancelled while one runs, else the answer says that none does", async () => {
  const scene = await adminScene();
  await whole(scene);
  const command = (pipe: string, name: string) =>
    posted(scene.port, `/pipes/${pipe}/snapshot/${name}`, "/pipes/{pipe}/snapshot/{command}");
  for (const name of ["pause", "resume", "cancel"])
    expect(await command("p1", name)).toMatchObject({ status: 409, body: { error: { code: "no_snapshot" } } });
  expect(await command("nobody", "pause")).toMatchObject({ status: 404, body: { error: { code: "pipe_unknown" } } });
  expect(await command("p1", "forget")).toMatchObject({ status: 400, body: { error: { code: "request_invalid" } } });
  const commanded: string[] = [];
  scene.agent.commandSnapshot = (_, name) => commanded.push(name) > 0;
  for (const name of ["pause", "resume", "cancel"])
    expect(await command("p1", name)).toEqual({ status: 200, body: { done: true } });
  expect(commanded).toEqual(["pause", "resume", "cancel"]);
});

test("suspects are asked for where the sender knows any, else the answer says that it does not", async () => {
  const scene = await adminScene();
  await whole(scene);
  const answer = await posted(scene.port, "/pipes/p1/sentinel", "/pipes/{pipe}/sentinel");
  expect(answer).toMatchObject({ status: 409, body: { error: { code: "no_sentinel" } } });
});

test("a sweep begins in each mode, pauses, goes on and is cancelled", async () => {
  const scene = await adminScene();
  await whole(scene);
  const sweep = (what: string) => posted(scene.port, `/pipes/p1/audit/${what}`, "/pipes/{pipe}/audit/{command}");
  for (const mode of ["names", "stat", "hash"]) {
    const start = (): Promise<boolean> => sweep(`start?mode=${mode}`).then(({ status }) => status === 200);
    await waitFor(start, { timeoutMs: 10_000 * PATIENCE, what: `a sweep in mode ${mode}` });
  }
  const idle = async (): Promise<boolean> => (await sweep("cancel")).status === 409;
  await waitFor(idle, { timeoutMs: 10_000 * PATIENCE, what: "no sweep runs" });
  for (const command of ["pause", "resume", "cancel"]) {
    expect(await sweep(command)).toMatchObject({ status: 409, body: { error: { code: "no_sweep" } } });
  }
  expect(await sweep("explode")).toMatchObject({ status: 400 });
  expect(await sweep("start?mode=magic")).toMatchObject({ status: 400 });
});

test("a preview of a reload says what would change and changes nothing; the reload then does it", async () => {
  const scene = await adminScene();
  const { port, root, configure, agent } = scene;
  expect(await got(port, "/reload")).toMatchObject({ pipes: [{ pipe: "p1", action: "unchanged" }], notes: [] });
  await configure(`${echoConfig(root).replace("enabled: true}", "enabled: true, batch_size: 7}, {id: p2, source_id: s1, sender_id: e, enabled: true}")}
logging: debug
`);
  const preview = await got<{ pipes: object[]; notes: string[] }>(port, "/reload");
  expect(preview.pipes).toEqual([
    { pipe: "p1", action: "restarted", reasons: ["batch_size"] },
    { pipe: "p2", action: "started", reasons: [] },
  ]);
  expect(preview.notes).toEqual([expect.stringContaining("logging")]);
  expect(agent.status().pipes.map(({ id }) => id)).toEqual(["p1"]);
  const events = await port.stream(`${API}/events?kinds=reload`);
  const { body } = await posted(port, "/reload", "/reload");
  expect(body).toMatchObject({ pipes: preview.pipes });
  expect(agent.status().pipes.map(({ id }) => id)).toEqual(["p1", "p2"]);
  expect(await events.next()).toMatchObject({ event: "reload", data: { kind: "done" } });
  expect(await got(port, "/config")).toMatchObject({ pipes: [{ batchEvents: 7 }, { id: "p2" }] });
  await configure("pipes: 7");
  for (const method of ["GET", "POST"] as const) {
    const refused = await port.ask(`${API}/reload`, { method });
    expect(refused).toMatchObject({ status: 422, body: { error: { code: "FUSTOR_CONFIG_INVALID" } } });
  }
});

test("a source that waits for nothing says so, and one that is not there is named", async () => {
  const scene = await adminScene();
  const nothing = await posted(scene.socket, "/sources/s1/confirm", "/sources/{source}/confirm");
  expect(nothing).toEqual({ status: 200, body: { confirmed: false } });
  expect(await posted(scene.socket, "/sources/nobody/confirm", "")).toMatchObject({ status: 404 });
});

test("the answer to a stop comes before the stop", async () => {
  const scene = await adminScene();
  expect(await posted(scene.port, "/stop", "/stop")).toMatchObject({ status: 202 });
  await waitFor(() => scene.stops() === 1, { timeoutMs: 5000 * PATIENCE, what: "the wish to stop" });
});

test("lines of the log are chosen by level, text and number", async () => {
  const scene = await adminScene();
  await whole(scene);
  const lines = async (query: string) =>
    (await got<{ lines: { level: string; msg: string }[] }>(scene.port, `/logs?${query}`, "/logs")).lines;
  expect((await lines("level=debug&limit=5")).length).toBe(5);
  expect((await lines("level=info")).every(({ level }) => level !== "debug")).toBe(true);
  expect(await lines("text=THE%20SNAPSHOT%20IS%20COMPLETE")).toMatchObject([{ pipe: "p1", rows: 2 }]);
  expect(await lines("level=error")).toEqual([]);
});

test("what changes in the tree is seen at a tap, as far as its filter lets it through", async () => {
  const scene = await adminScene();
  await whole(scene);
  const tap = await scene.port.stream(`${API}/pipes/p1/tap?filter=*.csv&kinds=update,insert`);
  expect(await tap.next()).toMatchObject({ event: "listening" });
  await writeFile(join(scene.root, "d", "other.txt"), "x");
  await writeFile(join(scene.root, "d", "data.csv"), "abc");
  // The file may be seen while it is still empty.
  let seen = await tap.next();
  for (; (seen.data.row as { size: number }).size === 0; seen = await tap.next()) {
    expect(seen.data.key).toBe("/d/data.csv");
  }
  expect(seen).toMatchObject({
    event: "change",
    data: { key: "/d/data.csv", row: { path: "/d/data.csv", size: 3 } },
  });
  expect((await scene.port.ask(`${API}/pipes/nobody/tap`)).status).toBe(404);
});
