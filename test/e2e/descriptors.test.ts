/** An agent whose file descriptors somebody else uses up, or that has none left, still answers who owns it. */
import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync } from "node:fs";
import { appendFile, writeFile } from "node:fs/promises";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { afterEach, describe, expect, onTestFinished, test } from "vitest";
import { createAgentHome } from "../support/agent-home.ts";
import { type AgentProcess, createAgentChild } from "../support/agent-process.ts";
import { killChildren } from "../support/child-process.ts";
import { cliPath } from "../support/cli-path.ts";
import { embeddedFusionCommand } from "../support/embedded-fusion.ts";
import { createFusionSeats, type FusionProcess } from "../support/fusion-process.ts";
import { createTempFolder, growTree, removeTempFolders } from "../support/temp-tree.ts";
import { waitUntilEqual } from "../support/tree-compare.ts";
import { waitFor } from "../support/wait-for.ts";
import { agentHome, folder, freePort, run } from "./cli-process.ts";

interface Status {
  readonly pid: number;
  readonly descriptors: { readonly exhausted: boolean; readonly limit: number };
  readonly pipes: readonly {
    readonly id: string;
    readonly state: string;
    readonly lastError?: string;
    readonly rowsSent: { readonly message: number };
    readonly snapshot: string;
  }[];
}

const RETRIES_SOON = { error_retry_interval: 0.3, max_backoff_seconds: 1 };

async function setup(): Promise<{ readonly home: string; readonly root: string; readonly port: number }> {
  const [home, root] = [await agentHome(), await folder()];
  const port = await freePort();
  await writeFile(
    join(home, "agent-config.yaml"),
    `sources: [{id: s, type: fs, config: {uri: ${JSON.stringify(root)}}}]
senders: [{id: e, type: echo, config: {}}]
pipes: [{id: p, source_id: s, sender_id: e, enabled: true}]
console: {port: ${port}}
`,
  );
  return { home, root, port };
}

async function statusOf(home: string): Promise<Status> {
  const { stdout, stderr } = await run(["status", "--json"], { home });
  if (!stdout.startsWith("{")) throw new Error(`no status: ${stdout}${stderr}`);
  return JSON.parse(stdout) as Status;
}

const limitTo = (pid: number, limit: string): void =>
  void execFileSync("prlimit", ["--pid", String(pid), `--nofile=${limit}`]);

/** A limit above nearly all that the process has open, with few free numbers below it. */
function closeAbove(pid: number): number {
  const used = readdirSync(`/proc/${pid}/fd`)
    .map(Number)
    .sort((one, other) => one - other);
  const below = used.filter((number, at) => number - at <= 8);
  return (below.at(-1) ?? 0) + 1;
}

const seesChanges = async (home: string, root: string): Promise<void> => {
  const before = (await statusOf(home)).pipes[0]?.rowsSent.message ?? 0;
  await appendFile(join(root, "file"), "x");
  await waitFor(async () => ((await statusOf(home)).pipes[0]?.rowsSent.message ?? 0) > before, {
    timeoutMs: 20_000,
    what: "a change is sent",
  });
};

test("idle connections to the status page do not blind it", async () => {
  const { home, root, port } = await setup();
  // Node raises the soft limit to the hard one.
  const start = `exec prlimit --nofile=256:256 "$0" "$1" start -D`;
  execFileSync("sh", ["-c", start, process.execPath, cliPath()], {
    env: { ...process.env, FUSTOR_HOME: home, FUSTOR_CONSOLE_PORT: "" },
  });
  const lines: Socket[] = [];
  onTestFinished(() => {
    for (const line of lines) line.destroy();
  });
  const hold = (): void => {
    const line = connect(port, "127.0.0.1");
    line.on("error", () => undefined);
    // Whoever is sent away comes again.
    line.on("close", () => lines.length < 3000 && hold());
    lines.push(line);
  };
  for (let at = 0; at < 500; at++) hold();
  await seesChanges(home, root);
  const { pid, descriptors } = await statusOf(home);
  expect(descriptors).toEqual({ exhausted: false, limit: 256 });
  expect(readdirSync(`/proc/${pid}/fd`).length).toBeLessThan(128);
});

test("an agent without a free descriptor says so in status and log, and goes on when there are some again", async () => {
  const { home, root, port } = await setup();
  expect((await run(["start", "-D"], { home, env: { FUSTOR_CONSOLE_PORT: "" } })).code).toBe(0);
  await waitFor(async () => (await statusOf(home)).pipes[0]?.snapshot === "complete", {
    timeoutMs: 20_000,
    what: "the snapshot is complete",
  });
  const { pid, descriptors } = await statusOf(home);
  expect(descriptors.exhausted).toBe(false);
  const limit = closeAbove(pid);
  limitTo(pid, `${limit}:`);
  // They fill the few that are left; those that are closed for saying nothing come again.
  let isOver = false;
  const fill = (): void =>
    void connect(port, "127.0.0.1")
      .on("error", () => undefined)
      .on("close", () => isOver || fill());
  for (let at = 0; at < 24; at++) fill();
  onTestFinished(() => {
    isOver = true;
  });
  await waitFor(async () => (await statusOf(home)).descriptors.exhausted, {
    timeoutMs: 20_000,
    what: "the status tells that no descriptor is left",
  });
  const told = await run(["status"], { home });
  expect(told.stdout).toContain("no file descriptor is left");
  expect(told.stdout).toContain(`limit ${limit}`);
  expect(readFileSync(join(home, "fustor_agent.log"), "utf8")).toContain("no file descriptor is left");
  isOver = true;
  limitTo(pid, "1024:");
  await waitFor(async () => !(await statusOf(home)).descriptors.exhausted, {
    timeoutMs: 40_000,
    what: "the status tells that all is well",
  });
  await seesChanges(home, root);
  expect((await run(["stop"], { home })).code).toBe(0);
});

/** As an administrator does: Node raises the soft limit to the hard one, and this sets both. */
const UNDER = 'ulimit -n "$0" && exec "$@"';
const ENOUGH_FOR_ALL = { timeoutMs: 60_000 };

async function seats(count: number): Promise<readonly FusionProcess[]> {
  const home = createTempFolder("fusion");
  const all = await createFusionSeats(
    embeddedFusionCommand(),
    Array.from({ length: count }, () => ({})),
    { home, endsWithTest: true },
  );
  await all[0]?.start();
  return all;
}

function agentUnder(limit: number, home: string): AgentProcess {
  const args = ["-c", UNDER, String(limit), process.execPath, cliPath(), "start"];
  return createAgentChild({ name: "the agent", command: "sh", args, env: { FUSTOR_CONSOLE_PORT: "0" } }, home);
}

describe("under ulimit -n", () => {
  afterEach(async () => {
    await killChildren();
    removeTempFolders();
  });

  test("128 an agent follows a wide tree and its Fusion through a restart", async () => {
    const [fusion] = await seats(1);
    if (fusion === undefined) throw new Error("no seat");
    const root = createTempFolder("wide");
    growTree(root, { seed: 1, files: 2000, filesPerDirectory: 5 });
    const agent = agentUnder(128, createAgentHome({ root, receiver: fusion.receiver, pipe: RETRIES_SOON }));
    agent.start();
    await waitUntilEqual(fusion.view, root, ENOUGH_FOR_ALL);
    await fusion.kill();
    growTree(join(root, "meanwhile"), { seed: 2, files: 500, filesPerDirectory: 3 });
    await fusion.start();
    await waitUntilEqual(fusion.view, root, ENOUGH_FOR_ALL);
    expect((await statusOf(agent.home)).descriptors).toEqual({ exhausted: false, limit: 128 });
    expect(await agent.terminate()).toEqual({ code: 0, signal: null });
  });

  test("128 an agent with more pipes than that is enough for runs some, and says why not the others", async () => {
    const all = await seats(30);
    const home = createTempFolder("many");
    const roots = all.map((_, at) => {
      const root = createTempFolder(`root-${at}`);
      growTree(root, { seed: at, files: 50 });
      return root;
    });
    const config = {
      sources: Object.fromEntries(roots.map((uri, at) => [`s${at}`, { driver: "fs", uri }])),
      senders: Object.fromEntries(
        all.map(({ receiver }, at) => [
          `e${at}`,
          { driver: "fusion", uri: receiver.url, credential: { key: receiver.pushKey } },
        ]),
      ),
      pipes: Object.fromEntries(roots.map((_, at) => [`p${at}`, { source: `s${at}`, sender: `e${at}` }])),
    };
    mkdirSync(join(home, "agent-config"));
    await writeFile(join(home, "agent-config/default.yaml"), JSON.stringify(config), { mode: 0o600 });
    const agent = agentUnder(128, home);
    agent.start();
    const status = await waitFor(
      async () => {
        // Before it has the home, the status is that of an agent that is stopped, without pipes.
        const now: Partial<Status> & Pick<Status, "descriptors"> = await statusOf(home);
        const isTold = ({ state, snapshot }: Status["pipes"][number]): boolean =>
          state === "failed" || snapshot === "complete";
        return now.pipes?.every(isTold) === true && { ...now, pipes: now.pipes };
      },
      { timeoutMs: 60_000, what: () => `every pipe runs or says why not\n${agent.output()}` },
    );
    expect(status.descriptors).toEqual({ exhausted: false, limit: 128 });
    const running = status.pipes.filter(({ state }) => state === "running").map(({ id }) => Number(id.slice(1)));
    expect(running.length).toBeGreaterThanOrEqual(2);
    expect(running.length).toBeLessThan(all.length);
    const why = /no file descriptor is left for it \(limit 128, .*\): raise ulimit -n, LimitNOFILE= of a unit/;
    for (const { state, lastError } of status.pipes) if (state === "failed") expect(lastError).toMatch(why);
    expect(agent.output()).toMatch(why);
    expect((await run(["status"], { home })).stdout).toMatch(why);
    for (const at of running) {
      const [view, root] = [all[at]?.view, roots[at]];
      if (view === undefined || root === undefined) throw new Error(`there is no pipe ${at}`);
      growTree(join(root, "later"), { seed: 9, files: 20 });
      await waitUntilEqual(view, root, ENOUGH_FOR_ALL);
    }
    expect(await agent.terminate()).toEqual({ code: 0, signal: null });
  });

  test("32 an agent does not even begin: one line says why and what to do", async () => {
    const agent = agentUnder(32, createTempFolder("home"));
    agent.start();
    const ended = await waitFor(() => agent.exit(), { timeoutMs: 20_000, what: "it ends" });
    expect(ended.code).toBe(1);
    expect(agent.output()).toMatch(/^fustor-agent: .*raise the limit \(ulimit -n, LimitNOFILE= of a unit\).*\n$/);
  });
});
