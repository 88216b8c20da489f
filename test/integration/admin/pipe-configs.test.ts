/** `fustor-agent pipe add` and its like, with an agent that runs and without one. */
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { expect, test } from "vitest";
import { ROUTES } from "../../../src/admin/routes.ts";
import { exitCodeOf } from "../../../src/cli/exit-codes.ts";
import { runProgram } from "../../../src/cli/program.ts";
import { Terminal } from "../../../src/cli/terminal.ts";
import { type AdminScene, adminScene, echoConfig, freshFolder } from "../../support/admin-api.ts";
import { waitFor } from "../../support/wait-for.ts";

const API = "/api/v1/config/pipes";

interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** The command line in this process, with a home of its own. */
async function run(home: string, ...args: readonly string[]): Promise<Ran> {
  const before = process.env.FUSTOR_HOME;
  process.env.FUSTOR_HOME = home;
  const [out, err] = [new PassThrough(), new PassThrough()];
  try {
    const code = await runProgram(args, new Terminal(out, err));
    return { code, stdout: String(out.read() ?? ""), stderr: String(err.read() ?? "") };
  } catch (error) {
    return { code: exitCodeOf(error), stdout: "", stderr: String(error) };
  } finally {
    if (before === undefined) delete process.env.FUSTOR_HOME;
    else process.env.FUSTOR_HOME = before;
  }
}

const stateOf = ({ agent }: AdminScene, pipe: string) => agent.status().pipes.find(({ id }) => id === pipe);

const complete = (scene: AdminScene, pipe: string): Promise<unknown> =>
  waitFor(() => stateOf(scene, pipe)?.snapshot === "complete", { timeoutMs: 10_000, what: `the snapshot of ${pipe}` });

test("pipes of the running agent are added, changed, switched and deleted by commands", async () => {
  const scene = await adminScene();
  const { home, root } = scene;
  const byHand = await readFile(join(home, "agent-config.yaml"), "utf8");
  const uri = ["--source-uri", root];
  const added = await run(home, "pipe", "add", "p2", ...uri, "--sender", "e", "--set", "audit_interval_sec=60");
  expect(added).toMatchObject({ code: 0, stdout: "started    p2\n" });
  await complete(scene, "p2");
  const file = join(home, "agent-config.runtime.yaml");
  expect(await readFile(file, "utf8")).toContain("audit_interval_sec: 60");
  const setting = "source.driver_params.file_pattern=*.csv";
  const updated = await run(home, "pipe", "update", "p2", "--set", setting, "--unset", "audit_interval_sec");
  expect(updated).toMatchObject({ code: 0, stdout: expect.stringContaining("restarted  p2") });
  expect(await run(home, "pipe", "disable", "p2")).toMatchObject({
    code: 0,
    stdout: expect.stringContaining("stopped"),
  });
  const listed = await run(home, "pipe", "list");
  expect(listed.stdout).toMatch(/p1 +yes +s1 +e +\/.*agent-config.yaml:4\n/);
  expect(listed.stdout).toMatch(/p2 +no +p2 +e +fustor-agent pipe\n/);
  expect(await run(home, "pipe", "enable", "p2")).toMatchObject({ code: 0, stdout: "started    p2\n" });
  expect(await run(home, "pipe", "delete", "p2")).toMatchObject({
    code: 0,
    stdout: expect.stringContaining("stopped"),
  });
  expect(await readFile(file, "utf8").catch((error: NodeJS.ErrnoException) => error.code)).toBe("ENOENT");
  expect(await readFile(join(home, "agent-config.yaml"), "utf8")).toBe(byHand);
});

test("a refused change ends with the code of a configuration, and says where and what", async () => {
  const { home, root } = await adminScene();
  const refused = await run(home, "pipe", "add", "p2", "--source", "s2", "--sender", "e");
  expect(refused.code).toBe(78);
  expect(refused.stderr).toContain("pipes.p2.source: refers to the unknown source");
  const hand = await run(home, "pipe", "disable", "p1");
  expect(hand).toMatchObject({ code: 78, stdout: "" });
  expect(hand.stderr).toContain("agent-config.yaml:4:");
  expect((await run(home, "pipe", "add", "p2", "--set", "novalue")).code).toBe(64);
  const unknown = await run(home, "pipe", "add", "p2", "--source-uri", root, "--sender", "e", "--set", "interval=5");
  expect(unknown).toMatchObject({ code: 78, stderr: expect.stringContaining("pipes.p2.interval") });
});

test("a pipe that the start named stays off once it is disabled, and one that it did not name runs", async () => {
  const scene = await adminScene({ names: ["p1"] });
  const { home } = scene;
  await run(home, "pipe", "add", "p2", "--source", "s1", "--sender", "e");
  await complete(scene, "p2");
  await run(home, "pipe", "disable", "p2");
  await run(home, "reload");
  expect(scene.agent.status().pipes.map(({ id }) => id)).toEqual(["p1"]);
});

test("a pipe that was deleted runs again once a person writes it into a file", async () => {
  const scene = await adminScene();
  const { home, root } = scene;
  await run(home, "pipe", "add", "p2", "--source", "s1", "--sender", "e");
  await complete(scene, "p2");
  await run(home, "pipe", "delete", "p2");
  expect(stateOf(scene, "p2")).toBeUndefined();
  const p2 = "{id: p2, source_id: s1, sender_id: e, enabled: true}";
  await scene.configure(echoConfig(root).replace("enabled: true}]", `enabled: true}, ${p2}]`));
  const reloaded = await run(home, "reload");
  expect(reloaded.stdout).toContain("started    p2");
  await complete(scene, "p2");
});

test("without an agent the change takes effect with the next start", async () => {
  const [home, root] = [await freshFolder(), await freshFolder()];
  await writeFile(join(home, "agent-config.yaml"), echoConfig(root), { mode: 0o600 });
  const added = await run(home, "pipe", "add", "p2", "--source", "s1", "--sender", "e", "--disabled");
  expect(added).toMatchObject({ code: 0, stdout: expect.stringContaining("takes effect with the next start") });
  const listed = JSON.parse((await run(home, "pipe", "list", "--json")).stdout) as readonly object[];
  expect(listed).toMatchObject([{ id: "p1" }, { id: "p2", enabled: false, changeable: true }]);
});

test("an empty home gets its first pipe, and can lose it again", async () => {
  const home = await freshFolder();
  const echo = ["--set", "sender.driver=echo"];
  expect(await run(home, "pipe", "add", "p", "--source-uri", home, ...echo)).toMatchObject({ code: 0 });
  expect(await run(home, "pipe", "delete", "p")).toMatchObject({ code: 0 });
});

test("only the control socket takes changes; the port shows the pipes", async () => {
  const { socket, port, stranger } = await adminScene();
  for (const client of [socket, port]) {
    const { status, body } = await client.ask(API);
    expect({ status, body }).toMatchObject({ status: 200, body: [{ id: "p1", changeable: false }] });
  }
  const changes = ROUTES.filter(({ path, method }) => path.startsWith("/config/pipes/") && method === "post");
  expect(changes).toHaveLength(5);
  for (const { path } of changes) {
    const asked = { method: "POST", body: "{}" } as const;
    const address = `/api/v1${path.replace("{pipe}", "p9")}`;
    expect(await port.ask(address, asked)).toMatchObject({ status: 403, body: { error: { code: "socket_only" } } });
    expect(await stranger.ask(address, asked)).toMatchObject({ status: 401 });
    expect(await socket.ask(address, asked)).toMatchObject({ status: 422 });
  }
});
