/** A running agent is told of a changed configuration, or loses one of its pipes: what goes on must not notice. */
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import type { AgentStatus, PipeReport } from "../../src/agent/agent-status.ts";
import { cliPath } from "../support/cli-path.ts";
import { type RecordingReceiver, startRecordingReceiver } from "../support/recording-receiver.ts";
import { agentHome, cli, eventually, folder, run } from "./cli-process.ts";

async function receiver(): Promise<RecordingReceiver> {
  const server = await startRecordingReceiver();
  onTestFinished(() => server.close());
  return server;
}

async function tree(): Promise<string> {
  const root = await folder();
  await mkdir(join(root, "d"));
  await writeFile(join(root, "d", "before"), "1");
  return root;
}

interface Config {
  readonly sources: Readonly<Record<string, string>>;
  /** Receiver URL and further keys. */
  readonly senders: Readonly<Record<string, readonly [url: string, more?: object]>>;
  readonly pipes: Readonly<Record<string, readonly [source: string, sender: string, more?: object]>>;
}

const configFile = (home: string): string => join(home, "agent-config.yaml");

/** A JSON text is a YAML text. */
async function configure(home: string, { sources, senders, pipes }: Config): Promise<void> {
  const map = <T>(entries: Readonly<Record<string, T>>, make: (value: T) => object): object =>
    Object.fromEntries(Object.entries(entries).map(([id, value]) => [id, make(value)]));
  const document = {
    sources: map(sources, (uri) => ({ driver: "fs", uri })),
    senders: map(senders, ([uri, more]) => ({ driver: "fusion", uri, credential: "push-key", ...more })),
    pipes: map(pipes, ([source, sender, more]) => ({ source, sender, ...more })),
  };
  await writeFile(configFile(home), JSON.stringify(document));
}

const statusOf = async (home: string): Promise<AgentStatus> =>
  JSON.parse((await run(["status", "--json"], { home })).stdout) as AgentStatus;

const pipeOf = async (home: string, id: string): Promise<PipeReport | undefined> =>
  (await statusOf(home)).pipes.find((pipe) => pipe.id === id);

const complete = (home: string, ...ids: string[]): Promise<void> =>
  eventually(`complete snapshots of ${ids.join(", ")}`, async () => {
    const { pipes } = await statusOf(home);
    return ids.every((id) => pipes.find((pipe) => pipe.id === id)?.snapshot === "complete");
  });

async function startDaemon(home: string, ...args: string[]): Promise<void> {
  const started = await run(["start", "-D", ...args], { home });
  if (started.code !== 0) throw new Error(started.stderr);
}

/** The sessions of a pipe in order: the id of each and whether it was ended. */
function sessionsOf(server: RecordingReceiver, pipe: string): { id: string; ended: boolean }[] {
  const all: { id: string; task: unknown; ended: boolean }[] = [];
  for (const { route, path, json } of server.requests) {
    if (route === "create") {
      const id = `5e551011-0000-4000-8000-${String(all.length + 1).padStart(12, "0")}`;
      all.push({ id, task: json().task_id, ended: false });
    } else if (route === "delete") {
      const session = all.find(({ id }) => path.endsWith(id));
      if (session !== undefined) session.ended = true;
    }
  }
  return all.filter(({ task }) => String(task).endsWith(`:${pipe}`)).map(({ id, ended }) => ({ id, ended }));
}

/** Paths that came with live events of a session. */
function livePaths(server: RecordingReceiver, session: string): ReadonlySet<string> {
  const paths = new Set<string>();
  for (const { path, json } of server.of("ingest")) {
    const body = json() as {
      source_type: string;
      events: readonly { rows: readonly { path: string }[] }[];
    };
    if (!path.includes(session) || body.source_type !== "message") continue;
    for (const { rows } of body.events) for (const row of rows) paths.add(row.path);
  }
  return paths;
}

/** Ends of snapshots in a session. */
const snapshotEnds = (server: RecordingReceiver, session: string): number =>
  server.of("ingest").filter(({ path, json }) => {
    const { source_type, is_end } = json();
    return path.includes(session) && source_type === "snapshot" && is_end === true;
  }).length;

const threadsOf = async (pid: number): Promise<readonly string[]> => readdir(`/proc/${pid}/task`);

const logOf = (home: string): Promise<string> => readFile(join(home, "fustor_agent.log"), "utf8");

describe("fustor-agent reload", () => {
  test("stops what is gone, starts what is new, makes anew what changed, and leaves the rest its session and its snapshot", async () => {
    const [home, server, one, two] = [await agentHome(), await receiver(), await tree(), await tree()];
    const sources = { one, two };
    const senders = { far: [server.url], other: [server.url] } as const;
    await configure(home, {
      sources,
      senders,
      pipes: { keep: ["one", "far"], change: ["one", "other"], gone: ["two", "far"] },
    });
    await startDaemon(home);
    await complete(home, "keep", "change", "gone");
    await configure(home, {
      sources,
      senders,
      pipes: { fresh: ["two", "other"], keep: ["one", "far"], change: ["one", "other", { batch_size: 7 }] },
    });
    const reloaded = await run(["reload"], { home });
    expect({ code: reloaded.code, stderr: reloaded.stderr }).toEqual({ code: 0, stderr: "" });
    expect(reloaded.stdout.trimEnd().split("\n")).toEqual([
      "stopped    gone  it is not in the configuration any more",
      "started    fresh",
      "unchanged  keep",
      "restarted  change  batch_size",
    ]);
    await complete(home, "fresh", "keep", "change");
    expect(sessionsOf(server, "gone")).toEqual([{ id: expect.any(String), ended: true }]);
    expect(sessionsOf(server, "fresh")).toEqual([{ id: expect.any(String), ended: false }]);
    const [first, second, ...more] = sessionsOf(server, "change");
    expect({ first: first?.ended, second: second?.ended, more }).toEqual({ first: true, second: false, more: [] });
    const [kept, ...others] = sessionsOf(server, "keep");
    expect({ ended: kept?.ended, others }).toEqual({ ended: false, others: [] });
    await writeFile(join(one, "d", "after"), "2");
    await eventually("the change comes in the old session", async () =>
      livePaths(server, kept?.id ?? "?").has("/d/after"),
    );
    expect(snapshotEnds(server, kept?.id ?? "?")).toBe(1);
    await eventually("and in the new one", async () => livePaths(server, second?.id ?? "?").has("/d/after"));
  });

  test("a session of a changed pipe is ended before the next one begins", async () => {
    const [home, server, root] = [await agentHome(), await receiver(), await tree()];
    const configured = (timeout: number) =>
      configure(home, {
        sources: { s: root },
        senders: { f: [server.url, { timeout_sec: timeout }] },
        pipes: { p: ["s", "f"] },
      });
    await configured(30);
    await startDaemon(home);
    await complete(home, "p");
    server.next("delete", { kind: "answer", delayMs: 300 });
    await configured(20);
    expect((await run(["reload"], { home })).stdout).toBe("restarted  p  sender f: timeout_sec\n");
    await complete(home, "p");
    const turns = server.requests.map(({ route }) => route).filter((route) => route === "create" || route === "delete");
    expect(turns).toEqual(["create", "delete", "create"]);
  });

  test("the watch of a source goes on when only the sender of its only pipe changes, and ends when the source changes", async () => {
    const [home, server, root] = [await agentHome(), await receiver(), await tree()];
    const configured = (timeout: number, uri: string) =>
      configure(home, {
        sources: { s: uri },
        senders: { f: [server.url, { timeout_sec: timeout }] },
        pipes: { p: ["s", "f"] },
      });
    await configured(30, root);
    await startDaemon(home);
    await complete(home, "p");
    const { pid } = await statusOf(home);
    const before = await threadsOf(pid);
    await configured(20, root);
    expect((await run(["reload"], { home })).code).toBe(0);
    await complete(home, "p");
    expect(await threadsOf(pid)).toEqual(expect.arrayContaining([...before]));
    await configured(20, join(root, "d"));
    expect((await run(["reload"], { home })).stdout).toBe("restarted  p  source s: uri\n");
    await complete(home, "p");
    const after = await threadsOf(pid);
    expect(before.filter((thread) => !after.includes(thread))).not.toEqual([]);
  });

  test("an invalid configuration is refused with file, line and column, and the old one goes on", async () => {
    const [home, server, root] = [await agentHome(), await receiver(), await tree()];
    await configure(home, { sources: { s: root }, senders: { f: [server.url] }, pipes: { p: ["s", "f"] } });
    await startDaemon(home);
    await complete(home, "p");
    await writeFile(configFile(home), "sources:\n  s: {driver: fs, uri: relative}\n");
    const refused = await run(["reload"], { home });
    expect(refused).toMatchObject({ code: 78, stdout: "" });
    expect(refused.stderr).toContain(`${configFile(home)}:2:`);
    expect(refused.stderr).toContain("Nothing was changed.");
    await writeFile(join(root, "later"), "3");
    const [session] = sessionsOf(server, "p");
    await eventually("the old pipe delivers", async () => livePaths(server, session?.id ?? "?").has("/later"));
    expect(sessionsOf(server, "p")).toEqual([{ id: session?.id, ended: false }]);
  });

  test("what a full disk leaves of a configuration is refused like at a start, and every pipe keeps its session", async () => {
    const [home, server, root] = [await agentHome(), await receiver(), await tree()];
    await configure(home, { sources: { s: root }, senders: { f: [server.url] }, pipes: { p: ["s", "f"] } });
    await startDaemon(home);
    await complete(home, "p");
    for (const [text, why] of [
      ["", "is empty (0 bytes)"],
      ["# nothing\n", "no pipe is defined"],
      ["sources: {}\n", "no pipe is defined"],
    ] as const) {
      await writeFile(configFile(home), text);
      const refused = await run(["reload"], { home });
      expect({ code: refused.code, stdout: refused.stdout }).toEqual({ code: 78, stdout: "" });
      expect(refused.stderr).toContain(why);
      expect(refused.stderr).toContain("Nothing was changed.");
    }
    expect(await pipeOf(home, "p")).toMatchObject({ state: "running" });
    expect(sessionsOf(server, "p")).toEqual([{ id: expect.any(String), ended: false }]);
  });

  test("the working directory of the start has no say, whatever is put there later", async () => {
    const [home, server, root, cwd] = [await agentHome(), await receiver(), await tree(), await folder()];
    await configure(home, { sources: { s: root }, senders: { f: [server.url] }, pipes: { p: ["s", "f"] } });
    const started = await run(["start", "-D"], { home, cwd });
    expect(started.code).toBe(0);
    await complete(home, "p");
    const strange = await folder();
    await configure(strange, { sources: { x: cwd }, senders: { f: [server.url] }, pipes: { x: ["x", "f"] } });
    await writeFile(join(cwd, ".env"), `FUSTOR_CONFIG_DIR=${strange}\n`);
    const reloaded = await run(["reload"], { home });
    expect(reloaded).toMatchObject({ code: 0, stderr: "", stdout: "unchanged  p\n" });
  });

  test("another configuration folder in .env of the home is remarked and read by the next start only", async () => {
    const [home, server, root, other] = [await agentHome(), await receiver(), await tree(), await folder()];
    await configure(home, { sources: { s: root }, senders: { f: [server.url] }, pipes: { p: ["s", "f"] } });
    await startDaemon(home);
    await complete(home, "p");
    await configure(other, { sources: { s: root }, senders: { f: [server.url] }, pipes: { q: ["s", "f"] } });
    await writeFile(join(home, ".env"), `FUSTOR_CONFIG_DIR=${other}\n`);
    const reloaded = await run(["reload"], { home });
    expect(reloaded).toMatchObject({ code: 0, stdout: "unchanged  p\n" });
    expect(reloaded.stderr).toContain("FUSTOR_CONFIG_DIR changed: it takes effect when the agent is started again");
  });

  test("pipes that nobody started stay stopped, and those that were asked for by name go when their name goes", async () => {
    const [home, server, root] = [await agentHome(), await receiver(), await tree()];
    const ends = { sources: { s: root }, senders: { f: [server.url] } } as const;
    await configure(home, { ...ends, pipes: { a: ["s", "f"], b: ["s", "f"] } });
    await startDaemon(home, "a");
    await complete(home, "a");
    await configure(home, { ...ends, pipes: { a: ["s", "f"], b: ["s", "f"], c: ["s", "f"] } });
    expect((await run(["reload"], { home })).stdout).toBe("unchanged  a\n");
    await configure(home, { ...ends, pipes: { b: ["s", "f"] } });
    expect((await run(["reload"], { home })).stdout).toContain("stopped    a");
    expect((await statusOf(home)).pipes).toEqual([]);
    expect(sessionsOf(server, "b")).toEqual([]);
  });

  test("a pipe that cannot start costs exit code 1 with its reason, and starts with the reload after its repair", async () => {
    const [home, server, root] = [await agentHome(), await receiver(), await tree()];
    const pipes = { p: ["s", "f"], q: ["s", "g"] } as const;
    const tls = { driver_params: { ca_file: "/no/such/ca" }, uri: "https://127.0.0.1:1" };
    await configure(home, { sources: { s: root }, senders: { f: [server.url], g: [server.url] }, pipes });
    await startDaemon(home);
    await configure(home, { sources: { s: root }, senders: { f: [server.url], g: [server.url, tls] }, pipes });
    const failed = await run(["reload"], { home });
    expect(failed.code).toBe(1);
    expect(failed.stdout).toMatch(/^unchanged {2}p\nrestarted {2}q {2}sender g: .*failed: .*\/no\/such\/ca/);
    expect(await pipeOf(home, "q")).toMatchObject({ state: "failed" });
    await configure(home, { sources: { s: root }, senders: { f: [server.url], g: [server.url] }, pipes });
    expect(await run(["reload"], { home })).toMatchObject({
      code: 0,
      stdout: "unchanged  p\nstarted    q  it had failed\n",
    });
    await complete(home, "p", "q");
  });

  test("what only a start reads is said and not taken over", async () => {
    const [home, server, root] = [await agentHome(), await receiver(), await tree()];
    await configure(home, { sources: { s: root }, senders: { f: [server.url] }, pipes: { p: ["s", "f"] } });
    await startDaemon(home);
    const { agentId } = await statusOf(home);
    const text = JSON.parse(await readFile(configFile(home), "utf8")) as object;
    await writeFile(configFile(home), JSON.stringify({ ...text, agent_id: "another" }));
    expect(await run(["reload"], { home })).toMatchObject({
      code: 0,
      stdout: "unchanged  p\n",
      stderr: expect.stringContaining("agent_id changed: it takes effect when the agent is started again"),
    });
    expect((await statusOf(home)).agentId).toBe(agentId);
  });

  test("without an agent it ends with 3", async () => {
    expect(await run(["reload"], { home: await agentHome() })).toMatchObject({ code: 3, stdout: "" });
  });
});

describe("SIGHUP", () => {
  test("reloads a daemon, a burst of them with the newest configuration at last, and the log tells what changed", async () => {
    const [home, server, root] = [await agentHome(), await receiver(), await tree()];
    const configured = (batch: number) =>
      configure(home, {
        sources: { s: root },
        senders: { f: [server.url] },
        pipes: { p: ["s", "f", { batch_size: batch }], calm: ["s", "f"] },
      });
    await configured(1);
    await startDaemon(home);
    await complete(home, "p", "calm");
    const { pid } = await statusOf(home);
    for (let batch = 2; batch <= 12; batch++) {
      await configured(batch);
      process.kill(pid, "SIGHUP");
    }
    await eventually("a change is logged", async () => (await logOf(home)).includes("restarted  p  batch_size"));
    const settled = "unchanged  p\nunchanged  calm\n";
    await eventually("nothing is left to do", async () => (await run(["reload"], { home })).stdout === settled);
    expect(sessionsOf(server, "calm")).toHaveLength(1);
    expect(sessionsOf(server, "p").filter(({ ended }) => !ended)).toHaveLength(1);
  });

  test("an invalid configuration is told in the log and the agent goes on", async () => {
    const [home, server, root] = [await agentHome(), await receiver(), await tree()];
    await configure(home, { sources: { s: root }, senders: { f: [server.url] }, pipes: { p: ["s", "f"] } });
    await startDaemon(home);
    await complete(home, "p");
    await writeFile(configFile(home), "pipes: [");
    process.kill((await statusOf(home)).pid, "SIGHUP");
    await eventually("the refusal is logged", async () => (await logOf(home)).includes("the old one goes on"));
    expect(await pipeOf(home, "p")).toMatchObject({ state: "running", snapshot: "complete" });
  });
});

describe("a terminal", () => {
  test.each([
    ["that is open has SIGHUP reload, and that is closed has the agent end its session in order", ""],
    ["has the same say when the agent's output goes elsewhere", '> "$FUSTOR_HOME/output" 2>&1'],
  ])("%s", async (_, output) => {
    const [home, server, root] = [await agentHome(), await receiver(), await tree()];
    await configure(home, { sources: { s: root }, senders: { f: [server.url] }, pipes: { p: ["s", "f"] } });
    const command = `exec ${process.execPath} ${cliPath()} start ${output}`;
    const env = { ...process.env, FUSTOR_HOME: home, FUSTOR_CONSOLE_PORT: "0" };
    const terminal = spawn("script", ["-qec", command, "/dev/null"], { env, stdio: ["pipe", "ignore", "ignore"] });
    onTestFinished(() => void terminal.kill("SIGKILL"));
    await complete(home, "p");
    const { pid } = await statusOf(home);
    process.kill(pid, "SIGHUP");
    await eventually("it reloads", async () => (await logOf(home)).includes('"msg":"reloaded"'));
    expect(sessionsOf(server, "p")).toEqual([{ id: expect.any(String), ended: false }]);
    terminal.kill("SIGKILL");
    await eventually("it ended", async () => (await run(["status"], { home })).code === 3);
    expect(await logOf(home)).toMatch(/the terminal was closed.*"msg":"stopped"/s);
    expect(sessionsOf(server, "p")).toEqual([{ id: expect.any(String), ended: true }]);
  });
});

describe("confirm", () => {
  test("has a root that was replaced counted, says when nothing waits, and names a source that is not there", async () => {
    const [home, server, parent] = [await agentHome(), await receiver(), await folder()];
    const root = join(parent, "root");
    await mkdir(root);
    await writeFile(join(root, "before"), "1");
    await configure(home, { sources: { s: root }, senders: { f: [server.url] }, pipes: { p: ["s", "f"] } });
    await startDaemon(home);
    await complete(home, "p");
    expect(await run(["confirm", "s"], { home })).toMatchObject({ code: 0, stdout: "s waits for nothing.\n" });
    await rename(root, join(parent, "away"));
    await mkdir(root);
    await writeFile(join(root, "other"), "2");
    const confirmed = "Confirmed: s is taken as it is now.\n";
    await eventually("the other root waits", async () => (await run(["confirm", "s"], { home })).stdout === confirmed);
    const [session] = sessionsOf(server, "p");
    await eventually("what is there and what is gone comes", async () => {
      const paths = livePaths(server, session?.id ?? "?");
      return paths.has("/other") && paths.has("/before");
    });
    expect(await run(["confirm", "nobody"], { home })).toMatchObject({ code: 1, stdout: "" });
  });
});

describe("audit", () => {
  test("sweeps the source of a pipe, waits for the end, and says what no sweep or pipe there is", async () => {
    const [home, server, root] = [await agentHome(), await receiver(), await folder()];
    await writeFile(join(root, "one"), "1");
    await writeFile(join(root, "two"), "22");
    await configure(home, { sources: { s: root }, senders: { f: [server.url] }, pipes: { p: ["s", "f"] } });
    await startDaemon(home);
    await complete(home, "p");
    const { code, stdout, stderr } = await run(["audit", "p", "--mode", "hash", "--wait"], { home });
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toMatch(/^sweep \(hash\) complete: 3 entries in .*; 2 too young\n$/);
    expect((await run(["status"], { home })).stdout).toContain("last sweep (hash) complete: 3 entries");
    expect(await run(["audit", "p", "--cancel"], { home })).toMatchObject({ code: 1, stdout: "" });
    expect(await run(["audit", "nobody"], { home })).toMatchObject({ code: 1, stdout: "" });
    expect(await run(["audit", "p"], { home })).toMatchObject({ code: 0, stdout: "A sweep has begun.\n" });
    expect((await run(["audit", "p", "--pause", "--cancel"], { home })).code).toBe(64);
  });
});

describe("stop", () => {
  test("of one pipe leaves the other on its source delivering, and a reload brings it back", async () => {
    const [home, server, root] = [await agentHome(), await receiver(), await tree()];
    await configure(home, {
      sources: { s: root },
      senders: { f: [server.url] },
      pipes: { p: ["s", "f"], q: ["s", "f"] },
    });
    await startDaemon(home);
    await complete(home, "p", "q");
    expect((await run(["stop", "p"], { home })).code).toBe(0);
    expect(sessionsOf(server, "p")).toEqual([{ id: expect.any(String), ended: true }]);
    expect(await pipeOf(home, "p")).toMatchObject({ state: "stopped" });
    await writeFile(join(root, "d", "after"), "2");
    const [session] = sessionsOf(server, "q");
    await eventually("q delivers", async () => livePaths(server, session?.id ?? "?").has("/d/after"));
    expect(await run(["stop", "nobody"], { home })).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("nobody"),
    });
    expect((await run(["reload"], { home })).stdout).toBe("started    p  it was stopped\nunchanged  q\n");
    await complete(home, "p", "q");
    expect(sessionsOf(server, "q")).toEqual([{ id: session?.id, ended: false }]);
  });

  test("sends what is queued before it ends the session", async () => {
    const [home, server, root] = [await agentHome(), await receiver(), await tree()];
    await configure(home, {
      sources: { s: root },
      senders: { f: [server.url] },
      pipes: { p: ["s", "f", { batch_size: 1 }] },
    });
    await startDaemon(home);
    await complete(home, "p");
    server.always("ingest", { kind: "answer", delayMs: 50, body: { status: "ok", count: 0 } });
    const names = Array.from({ length: 40 }, (_, number) => `queued-${number}`);
    for (const name of names) await writeFile(join(root, name), name);
    await eventually("everything was seen", async () => {
      const pipe = await pipeOf(home, "p");
      return (pipe?.rowsSent.message ?? 0) + (pipe?.backlog ?? 0) >= names.length;
    });
    expect((await run(["stop"], { home })).code).toBe(0);
    const [session] = sessionsOf(server, "p");
    expect(session?.ended).toBe(true);
    expect([...livePaths(server, session?.id ?? "?")]).toEqual(expect.arrayContaining(names.map((name) => `/${name}`)));
    expect(server.requests.at(-1)?.route).toBe("delete");
  });

  test("a second signal ends an agent at once that waits for a receiver which says nothing", async () => {
    const [home, server, root] = [await agentHome(), await receiver(), await tree()];
    await configure(home, { sources: { s: root }, senders: { f: [server.url] }, pipes: { p: ["s", "f"] } });
    server.always("ingest", { kind: "silence" });
    const agent = cli(["start"], { home });
    await server.waitForArrival("ingest", 1);
    agent.child.kill("SIGTERM");
    await agent.until("it stops", ({ stdout }) => stdout.includes("stopping"));
    const again = setInterval(() => agent.child.kill("SIGTERM"), 100);
    onTestFinished(() => clearInterval(again));
    expect(await agent.ended).toMatchObject({ code: 1, signal: null });
    expect(agent.stdout).toContain("ended at once by a second signal");
    expect(existsSync(join(home, "agent.pid"))).toBe(true);
    clearInterval(again);
    server.always("ingest", { kind: "answer", body: { status: "ok", count: 0 } });
    await startDaemon(home);
    await complete(home, "p");
  });
});
