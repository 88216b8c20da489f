/** One agent per home, and nobody else is ever stopped: containers, copies, removed files, other users. */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { lstat, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { cliPath } from "../../support/cli-path.ts";
import { mountWithoutLinks } from "../../support/sshfs-mount.ts";
import { agentHome, cli, eventually, folder, run } from "../cli-process.ts";
import { alive, echoHome, factsOf, furnish } from "./echo-home.ts";

const isRoot = process.getuid?.() === 0;

function stranger(): ChildProcess {
  const child = spawn("sleep", ["1000"], { stdio: "ignore" });
  onTestFinished(() => void child.kill("SIGKILL"));
  return child;
}

/** A foreground agent in a pid namespace of its own, under the number that is wanted there. */
async function inContainer(home: string, pid: number): Promise<ChildProcess> {
  const script = `echo ${pid - 1} > /proc/sys/kernel/ns_last_pid; "$0" "$1" start & wait`;
  const args = ["--pid", "--fork", "--mount-proc", "--kill-child", "sh", "-c", script, process.execPath, cliPath()];
  const env = { ...process.env, FUSTOR_HOME: home, FUSTOR_CONSOLE_PORT: "0" };
  const child = spawn("unshare", args, { env, stdio: ["ignore", "pipe", "pipe"] });
  onTestFinished(() => void child.kill("SIGKILL"));
  child.stdout.resume();
  child.stderr.resume();
  await eventually(
    "the agent in the container answers",
    async () => (await factsOf(home)).pipes[0]?.state === "running",
  );
  expect((await factsOf(home)).pid).toBe(pid);
  return child;
}

/** The number out here of the process that has this one in a namespace below ours. */
function outsideNumber(inside: number): number {
  for (const name of readdirSync("/proc").filter((each) => /^\d+$/.test(each))) {
    const status = existsSync(`/proc/${name}/status`) ? readFileSync(`/proc/${name}/status`, "utf8") : "";
    if (new RegExp(`^NSpid:\\s\\d+\\s${inside}$`, "m").test(status)) return Number(name);
  }
  throw new Error(`no process is ${inside} in a namespace of its own`);
}

describe.runIf(isRoot)("an agent in a container whose home is also seen outside", () => {
  test("is stopped from outside, and the process that has its number outside is left alone", async () => {
    const home = await echoHome();
    const victim = stranger();
    const container = await inContainer(home, victim.pid ?? 0);
    const ended = once(container, "exit");
    const begin = performance.now();
    expect(await run(["stop"], { home })).toMatchObject({ code: 0, stdout: expect.stringContaining("Stopped") });
    expect(performance.now() - begin).toBeLessThan(12_000);
    await ended;
    expect(alive(victim.pid ?? 0)).toBe(true);
    expect(await run(["stop"], { home })).toMatchObject({ code: 0, stdout: expect.stringContaining("No agent") });
  });

  test("is never signalled from outside when it does not answer", async () => {
    const home = await echoHome();
    const victim = stranger();
    await inContainer(home, victim.pid ?? 0);
    const outside = outsideNumber(victim.pid ?? 0);
    process.kill(outside, "SIGSTOP");
    onTestFinished(() => void process.kill(outside, "SIGKILL"));
    expect(await run(["stop"], { home })).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("nothing was signalled"),
    });
    expect(alive(outside)).toBe(true);
    expect(alive(victim.pid ?? 0)).toBe(true);
  });

  test("keeps a second agent out, also when its lock file was removed", async () => {
    const home = await echoHome();
    await inContainer(home, 4242);
    expect((await run(["start"], { home })).code).toBe(75);
    await rm(join(home, "agent.lock"));
    expect((await run(["start"], { home })).code).toBe(75);
    expect((await factsOf(home)).pid).toBe(4242);
  });
});

describe.runIf(isRoot)("another user", () => {
  test.each([["stop"], ["status"], ["reload"]])(
    "%s of root's agent says whose it is and not that none runs",
    async (command) => {
      const home = await echoHome();
      expect((await run(["start", "-D"], { home })).code).toBe(0);
      const { code, stdout, stderr } = await run([command], { home, uid: 12_345, cwd: "/" });
      expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
      expect(stderr).toMatch(/permission denied: .* belongs to root \(uid 0\)/);
      expect(stderr.match(/EACCES/g)).toHaveLength(1);
      expect((await factsOf(home)).pipes).toHaveLength(1);
    },
  );
});

describe("a running agent", () => {
  test("keeps others out when its lock file was removed, puts it back, and its own end leaves nothing", async () => {
    const home = await echoHome();
    expect((await run(["start", "-D"], { home })).code).toBe(0);
    const { pid } = await factsOf(home);
    await rm(join(home, "agent.lock"));
    expect(await run(["start"], { home })).toMatchObject({ code: 75, stderr: expect.stringContaining(`PID ${pid}`) });
    expect((await factsOf(home)).pid).toBe(pid);
    await eventually("the log says that it was removed", async () =>
      (await readFile(join(home, "fustor_agent.log"), "utf8")).includes("agent.lock or agent.pid was removed"),
    );
    await rm(join(home, "agent.pid"), { force: true });
    expect((await run(["start"], { home })).code).toBe(75);
    expect((await run(["stop"], { home })).code).toBe(0);
    expect(alive(pid)).toBe(false);
    for (const name of ["agent.pid", "agent.sock"]) {
      await expect(lstat(join(home, name))).rejects.toMatchObject({ code: "ENOENT" });
    }
  });

  test("answers again after its socket was removed", async () => {
    const home = await echoHome();
    expect((await run(["start", "-D"], { home })).code).toBe(0);
    const { pid } = await factsOf(home);
    await rm(join(home, "agent.sock"));
    await eventually("it answers again", async () => (await factsOf(home)).pid === pid);
    expect((await run(["stop"], { home })).code).toBe(0);
    expect(alive(pid)).toBe(false);
  });

  test("ends with a word when its home was removed", async () => {
    const home = await echoHome();
    const agent = cli(["start"], { home });
    await agent.until("the snapshot is complete", ({ stdout }) => stdout.includes("snapshot is complete"));
    // The agent may write a file of its state at that moment.
    await rm(home, { recursive: true, maxRetries: 20, retryDelay: 20 });
    const { code, stderr } = await agent.ended;
    expect(code).toBe(1);
    expect(stderr).toContain(`the home ${home} was removed or replaced: stopping`);
    await expect(lstat(home)).rejects.toMatchObject({ code: "ENOENT" });
  });

  test("is not touched by a copy of its home", async () => {
    const [home, parent] = [await echoHome(), await folder()];
    expect((await run(["start", "-D"], { home })).code).toBe(0);
    const { pid } = await factsOf(home);
    const copy = join(parent, "copy");
    execFileSync("cp", ["-a", home, copy]);
    onTestFinished(async () => void (await run(["stop"], { home: copy })));
    expect(await run(["stop"], { home: copy })).toMatchObject({ code: 0, stdout: expect.stringContaining("No agent") });
    expect((await run(["status"], { home: copy })).code).toBe(3);
    expect((await run(["start", "-D"], { home: copy })).code).toBe(0);
    const second = await factsOf(copy);
    expect(second.pid).not.toBe(pid);
    expect(second.agentId).not.toBe((await factsOf(home)).agentId);
    expect(await readFile(join(copy, "fustor_agent.log"), "utf8")).toContain(`a copy of ${home}, which is still there`);
    expect((await run(["stop"], { home: copy })).code).toBe(0);
    expect([alive(pid), alive(second.pid)]).toEqual([true, false]);
  });

  test("in a home too deep for a socket is not touched by a copy either", async () => {
    const [parent, others] = [await agentHome(), await folder()];
    const home = join(parent, "x".repeat(90), "home");
    execFileSync("mkdir", ["-p", "-m", "700", home]);
    await furnish(home);
    onTestFinished(async () => void (await run(["stop"], { home })));
    expect((await run(["start", "-D"], { home })).code).toBe(0);
    const { pid } = await factsOf(home);
    const copy = join(others, "y".repeat(90));
    execFileSync("cp", ["-a", home, copy]);
    expect((await run(["status"], { home: copy })).code).toBe(3);
    expect(await run(["stop"], { home: copy })).toMatchObject({ code: 0, stdout: expect.stringContaining("No agent") });
    expect(alive(pid)).toBe(true);
  });
});

test("a home on a file system without hard links and sockets starts, keeps its state and stops", async () => {
  const home = await furnish(mountWithoutLinks());
  onTestFinished(async () => void (await run(["stop"], { home })));
  expect((await run(["start", "-D"], { home })).code).toBe(0);
  await eventually("the snapshot is complete", async () => (await factsOf(home)).pipes[0]?.snapshot === "complete");
  expect(await readFile(join(home, "agent.sock.path"), "utf8")).toMatch(/^\/.*\/agent\.sock\n/);
  expect((await run(["stop"], { home })).code).toBe(0);
  expect((await run(["status"], { home })).code).toBe(3);
  for (const name of ["pipes.json", "pipes.json.bak"]) {
    expect(JSON.parse(await readFile(join(home, "state", name), "utf8"))).toMatchObject({ version: 2 });
  }
  expect(await readFile(join(home, "fustor_agent.log"), "utf8")).not.toContain("not saved");
});
