/** Starts where something that is mostly there is missing: rights, a working directory, a home folder, a listed user. */
import { execFileSync, spawnSync } from "node:child_process";
import { chmod, lstat, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { cliPath } from "../../support/cli-path.ts";
import { PATIENCE } from "../../support/patience.ts";
import { agentHome, eventually, folder, run } from "../cli-process.ts";
import { echoHome, factsOf, furnish } from "./echo-home.ts";

const isRoot = process.getuid?.() === 0;

/** By a shell that removes its own working directory first. */
function fromNowhere(args: readonly string[], env: Record<string, string>) {
  const words = ['cd "$(mktemp -d)" && rmdir "$PWD" && exec "$0" "$@"', process.execPath, cliPath(), ...args];
  const { status, stdout, stderr } = spawnSync("sh", ["-c", ...words], {
    env: { PATH: process.env.PATH, FUSTOR_CONSOLE_PORT: "0", ...env },
    encoding: "utf8",
    timeout: 60_000 * PATIENCE,
  });
  return { code: status, stdout, stderr };
}

describe("without a working directory", () => {
  test("every command works", async () => {
    const home = await echoHome();
    const env = { FUSTOR_HOME: home };
    expect(fromNowhere(["validate"], env)).toMatchObject({ code: 0 });
    expect(fromNowhere(["start", "-D"], env)).toMatchObject({ code: 0, stderr: "" });
    expect(fromNowhere(["status"], env)).toMatchObject({ code: 0, stdout: expect.stringContaining("RUNNING") });
    expect(fromNowhere(["reload"], env)).toMatchObject({ code: 0, stdout: expect.stringContaining("unchanged") });
    expect(fromNowhere(["stop"], env)).toMatchObject({ code: 0, stdout: expect.stringContaining("Stopped") });
  });

  test("a relative home is refused with a sentence", () => {
    const { code, stderr } = fromNowhere(["status"], { FUSTOR_HOME: "here" });
    expect(code).toBe(78);
    expect(stderr).toContain("FUSTOR_HOME is the relative path");
    expect(stderr).toContain("the working directory was removed");
  });
});

describe.runIf(isRoot)("a user without an entry in /etc/passwd", () => {
  const asNobodyListed = (env: Record<string, string>, cwd: string) => {
    const { status, stderr } = spawnSync(process.execPath, [cliPath(), "status"], {
      env: { PATH: process.env.PATH, ...env },
      cwd,
      uid: 54_321,
      gid: 54_321,
      encoding: "utf8",
    });
    return { code: status, stderr };
  };

  test.each([
    ["no HOME", {}],
    ["an empty HOME", { HOME: "" }],
    ["a relative HOME", { HOME: "home" }],
  ])("and with %s is told to set FUSTOR_HOME, and nothing is made where it stands", async (_, env) => {
    const cwd = await folder();
    await chmod(cwd, 0o777);
    const { code, stderr } = asNobodyListed(env as Record<string, string>, cwd);
    expect(code).toBe(78);
    expect(stderr).toContain("set FUSTOR_HOME");
    expect(stderr.trimEnd().split("\n")).toHaveLength(1);
    expect(await readdir(cwd)).toEqual([]);
  });
});

describe.runIf(isRoot)("a read-only configuration folder", () => {
  async function readOnly(): Promise<string> {
    const config = await furnish(await folder());
    execFileSync("mount", ["--bind", "-o", "ro", config, config]);
    onTestFinished(() => void execFileSync("umount", ["-l", config]));
    return config;
  }

  test("sends the log into the home, and start -D works", async () => {
    const [home, config] = [await agentHome(), await readOnly()];
    const env = { FUSTOR_CONFIG_DIR: config };
    const started = await run(["start", "-D"], { home, env });
    expect(started).toMatchObject({ code: 0, stderr: "", stdout: expect.stringContaining(`Log: ${home}/`) });
    expect(await readFile(join(home, "fustor_agent.log"), "utf8")).toContain('"msg":"starting"');
  });

  test("with a log folder in it costs the log and a warning, not the agent", async () => {
    const [home, config] = [await agentHome(), await folder()];
    await furnish(config);
    const file = join(config, "agent-config.yaml");
    await writeFile(file, `${await readFile(file, "utf8")}\nlogging: {dir: ${config}}\n`);
    execFileSync("mount", ["--bind", "-o", "ro", config, config]);
    onTestFinished(() => void execFileSync("umount", ["-l", config]));
    const started = await run(["start", "-D"], { home, env: { FUSTOR_CONFIG_DIR: config } });
    expect(started).toMatchObject({ code: 0, stdout: expect.stringContaining("Log: none") });
    expect(started.stderr).toMatch(/fustor_agent\.log cannot be opened: its file system is read-only/);
    await eventually("it runs", async () => (await factsOf(home)).pipes[0]?.state === "running");
  });
});

describe.runIf(isRoot)("a home in which root started the agent once", () => {
  test.each([["agent.lock"], ["agent.id"]])("names whose %s is and what to do", async (name) => {
    const home = await echoHome();
    execFileSync("chown", ["-R", "54321:54321", home]);
    await writeFile(join(home, name), "", { mode: 0o600 });
    const { code, stderr } = await run(["start", "-D"], { home, uid: 54_321, cwd: "/" });
    expect(code).toBe(1);
    expect(stderr).toContain(`${join(home, name)} belongs to root (uid 0), mode 0600, and this is uid 54321`);
    expect(stderr).toContain("chown -R 54321");
    expect((await lstat(join(home, name))).uid).toBe(0);
  });
});

test.runIf(isRoot)("a start on a full disk names the file and leaves nothing behind, however often", async () => {
  const home = await agentHome();
  execFileSync("mount", ["-t", "tmpfs", "-o", "size=64k,mode=700", "none", home]);
  onTestFinished(() => void execFileSync("umount", ["-l", home]));
  await furnish(home);
  spawnSync("dd", ["if=/dev/zero", `of=${join(home, "filler")}`, "bs=4k"]);
  const before = (await readdir(home)).sort();
  for (let attempt = 0; attempt < 3; attempt++) {
    const { code, stderr } = await run(["start"], { home });
    expect(code).toBe(1);
    expect(stderr).toMatch(/agent\.(pid|lock) cannot be (written|locked): no space or no inode is left .*make room/);
  }
  const after = (await readdir(home)).filter((name) => name !== "agent.lock");
  expect(after.sort()).toEqual(before);
  await rm(join(home, "filler"));
  expect((await run(["start", "-D"], { home })).code).toBe(0);
});

describe("start -D", () => {
  test("tells what does not run yet and why, and ends with 0 because the agent runs", async () => {
    const [home, root] = [await agentHome(), await folder()];
    const silent = createServer((socket) => void socket.on("error", () => undefined)).listen(0, "127.0.0.1");
    onTestFinished(() => void silent.close());
    await new Promise((resolve) => silent.once("listening", resolve));
    const { port } = silent.address() as { port: number };
    await mkdir(join(root, "there"));
    const yaml = `
sources:
  - {id: there, type: fs, config: {uri: ${join(root, "there")}}}
  - {id: missing, type: fs, config: {uri: ${join(root, "missing")}}}
senders:
  - {id: echo, type: echo, config: {}}
  - {id: silent, type: fusion, config: {endpoint: "http://127.0.0.1:${port}", credential: abcdefgh}}
pipes:
  - {id: good, source_id: there, sender_id: echo, enabled: true}
  - {id: absent, source_id: missing, sender_id: echo, enabled: true}
  - {id: unheard, source_id: there, sender_id: silent, enabled: true}
`;
    await writeFile(join(home, "agent-config.yaml"), yaml, { mode: 0o600 });
    const begin = performance.now();
    const { code, stdout, stderr } = await run(["start", "-D"], { home });
    expect({ code, started: stdout.startsWith("Started (PID ") }).toEqual({ code: 0, started: true });
    expect(stderr).toMatch(/absent does not run yet: waiting for source, .*missing/);
    expect(stderr).toContain("unheard does not run yet: connecting");
    expect(stderr).not.toContain("good does not run");
    expect(performance.now() - begin).toBeLessThan(30_000);
  });
});
