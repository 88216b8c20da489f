/** What the port of the admin API refuses, with a real agent behind it. */
import { connect } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { ROUTES } from "../../../src/admin/routes.ts";
import { type AdminScene, type AskOptions, adminScene, TOKEN } from "../../support/admin-api.ts";
import { PATIENCE } from "../../support/patience.ts";
import { waitFor } from "../../support/wait-for.ts";

const API = "/api/v1";

/** Every route with names that are there, so that nothing but the refusal can be the reason. */
const ADDRESSES = ROUTES.map(({ method, path }) => ({
  method: method.toUpperCase() as "GET" | "POST",
  path: `${API}${path.replace("{pipe}", "p1").replace("{source}", "s1").replace("{command}", "start")}`,
}));

async function everyRoute(scene: AdminScene, client: "port" | "stranger", options: AskOptions): Promise<Set<string>> {
  const outcomes = new Set<string>();
  for (const { method, path } of [...ADDRESSES, { method: "GET" as const, path: `${API}/openapi.json` }]) {
    const { status, body } = await scene[client].ask(path, { ...options, method });
    outcomes.add(`${status} ${(body as { error?: { code: string } }).error?.code ?? ""}`.trim());
  }
  return outcomes;
}

const isUntouched = (scene: AdminScene): boolean =>
  scene.stops() === 0 && scene.agent.status().pipes.every(({ state }) => state !== "stopped");

test("no route answers without the token, with a wrong one, or with one in the address", async () => {
  const scene = await adminScene();
  expect(await everyRoute(scene, "stranger", {})).toEqual(new Set(["401 token_missing"]));
  const wrong = { headers: { authorization: `Bearer ${TOKEN}x` } };
  expect(await everyRoute(scene, "stranger", wrong)).toEqual(new Set(["403 token_wrong"]));
  const basic = { headers: { authorization: `Basic ${TOKEN}` } };
  expect(await everyRoute(scene, "stranger", basic)).toEqual(new Set(["401 token_missing"]));
  expect((await scene.stranger.ask(`${API}/state?token=${TOKEN}`)).status).toBe(401);
  expect((await scene.stranger.ask(`${API}/nothing`)).status).toBe(401);
  expect(isUntouched(scene)).toBe(true);
});

test.each([
  [{ origin: "https://evil.example" }],
  [{ origin: "null" }],
  [{ origin: "http://localhost:1" }],
  [{ "sec-fetch-site": "cross-site" }],
  [{ "sec-fetch-site": "same-site" }],
])("no route answers a page of another origin, %j", async (headers) => {
  const scene = await adminScene();
  expect(await everyRoute(scene, "port", { headers })).toEqual(new Set(["403 origin_refused"]));
  expect(isUntouched(scene)).toBe(true);
});

test("a page of its own origin is answered, and no answer invites another one", async () => {
  const scene = await adminScene();
  const headers = { origin: scene.url.origin, "sec-fetch-site": "same-origin" };
  const answer = await scene.port.ask(`${API}/state`, { headers });
  expect(answer.status).toBe(200);
  const preflight = { origin: "https://evil.example", "access-control-request-method": "POST" };
  const asked = await scene.stranger.ask(`${API}/stop`, { method: "OPTIONS", headers: preflight });
  expect(asked.status).toBe(403);
  for (const { headers: given } of [answer, asked]) {
    expect(given["access-control-allow-origin"]).toBeUndefined();
    expect(given).toMatchObject({ "x-content-type-options": "nosniff", "cache-control": "no-store" });
    expect(given["content-security-policy"]).toContain("default-src 'none'");
  }
});

test("no route answers under a name that points here from elsewhere", async () => {
  const scene = await adminScene();
  for (const host of ["evil.example", "127.0.0.1.nip.io:8100"]) {
    expect(await everyRoute(scene, "port", { headers: { host } })).toEqual(new Set(["403"]));
  }
  expect(isUntouched(scene)).toBe(true);
});

test("where other machines can reach the port it can be read with the token and changes nothing", async () => {
  const open = await adminScene({ host: "0.0.0.0" });
  const reading = await open.port.ask(`${API}/state`, { headers: { host: "files.example" } });
  expect(reading.status).toBe(200);
  const changing = await open.port.ask(`${API}/pipes/p1/stop`, { method: "POST" });
  expect(changing).toMatchObject({ status: 403, body: { error: { code: "read_only" } } });
  expect((await open.socket.ask(`${API}/pipes/p1/stop`, { method: "POST" })).status).toBe(200);
});

test("a body that is too large or says something is refused, and an empty one is not", async () => {
  const scene = await adminScene();
  const post = (body: string, headers: Record<string, string> = {}) =>
    scene.port.ask(`${API}/pipes/p1/sentinel`, { method: "POST", body, headers });
  expect(await post("x".repeat(1_000_000))).toMatchObject({ status: 413 });
  expect(await post(`{"x":"${"x".repeat(5000)}"}`)).toMatchObject({ status: 413 });
  expect(await post(`{"pipe":"p2"}`)).toMatchObject({ status: 400, body: { error: { code: "request_invalid" } } });
  expect(await post("not json")).toMatchObject({ status: 400 });
  expect(await post("{}")).toMatchObject({ status: 409 });
  expect(await post("")).toMatchObject({ status: 409 });
});

test.each([
  ["/pipes/%E0%A4%A"],
  ["/pipes/%00"],
  ["/pipes/%0d%0aSet-Cookie:x"],
  [`/pipes/${"x".repeat(600)}`],
  ["/pipes/__proto__"],
  ["/pipes/..%2f..%2fetc%2fpasswd"],
  ["/pipes/%3Cscript%3E"],
  ["/logs?level=__proto__"],
  ["/logs?limit=99999"],
  ["/logs?limit=-1"],
  ["/events?kinds=everything"],
  ["/events?after=1e3"],
  ["/pipes/p1/tap?kinds=update,explode"],
  [`/pipes/p1/tap?filter=${"*".repeat(257)}`],
  [`/logs?text=${"x".repeat(5000)}`],
])("%s is refused in one line of JSON", async (path) => {
  const scene = await adminScene();
  const { status, headers, body } = await scene.port.ask(`${API}${path}`);
  expect([400, 404, 414]).toContain(status);
  expect(headers["content-type"]).toContain("application/json");
  expect(body).toMatchObject({ error: { code: expect.any(String), message: expect.any(String) } });
});

test("methods that no route has are refused", async () => {
  const scene = await adminScene();
  for (const method of ["PUT", "DELETE"] as const) {
    expect((await scene.port.ask(`${API}/pipes/p1`, { method })).status).toBe(404);
  }
  expect((await scene.port.ask(`${API}/stop`)).status).toBe(404);
  expect(isUntouched(scene)).toBe(true);
});

test("streams are few, and those beyond leave room for short requests", async () => {
  const scene = await adminScene();
  const open = await Promise.all(Array.from({ length: 6 }, () => scene.port.stream(`${API}/events`)));
  await expect(scene.port.stream(`${API}/events`)).rejects.toThrow("too_many_streams");
  expect((await scene.port.ask(`${API}/state`)).status).toBe(200);
  for (const stream of open) stream.close();
  const isFree = (): Promise<boolean> =>
    scene.port.stream(`${API}/events`).then(
      (stream) => {
        stream.close();
        return true;
      },
      () => false,
    );
  await waitFor(isFree, { timeoutMs: 10_000 * PATIENCE, what: "a stream is free again" });
});

test("a request that never ends is cut off", async () => {
  const scene = await adminScene();
  const line = connect(Number(scene.url.port), "127.0.0.1");
  onTestFinished(() => void line.destroy());
  let closed = false;
  line.on("close", () => {
    closed = true;
  });
  line.on("error", () => undefined);
  const head = `POST ${API}/pipes/p1/sentinel HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${TOKEN}\r\n`;
  line.write(`${head}Content-Length: 10\r\n\r\n12345`);
  await waitFor(() => closed, { timeoutMs: 15_000 * PATIENCE, what: "the connection is closed" });
});
