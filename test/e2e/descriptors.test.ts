/** An agent whose file descriptors somebody else uses up, or that has none left, still answers who owns it. */
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { appendFile, writeFile } from "node:fs/promises";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { cliPath } from "../support/cli-path.ts";
import { waitFor } from "../support/wait-for.ts";
import { agentHome, folder, freePort, run } from "./cli-process.ts";

interface Status {
  readonly pid: number;
  readonly descriptors: { readonly exhausted: boolean; readonly limit: number };
  readonly pipes: readonly { readonly rowsSent: { readonly message: number }; readonly snapshot: string }[];
}

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
