/** Where the lines of an agent and of a command go while files are moved away and disks are full. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, existsSync, openSync, readlinkSync } from "node:fs";
import { mkdir, readdir, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { cliPath } from "../support/cli-path.ts";
import { agentHome, eventually, folder, run } from "./cli-process.ts";

const logOf = (home: string): string => join(home, "fustor_agent.log");

async function configuredHome(logging = "info", watched?: string): Promise<string> {
  const [home, root] = [await agentHome(), watched ?? (await folder())];
  await mkdir(join(root, "d"));
  const yaml = `logging: ${logging}
sources: [{id: s, type: fs, config: {uri: ${JSON.stringify(root)}}}]
senders: [{id: e, type: echo, config: {}}]
pipes: [{id: p, source_id: s, sender_id: e, enabled: true}]
`;
  await writeFile(join(home, "agent-config.yaml"), yaml);
  return home;
}

async function startedDaemon(home: string): Promise<number> {
  expect(await run(["start", "-D"], { home })).toMatchObject({ code: 0 });
  return Number((JSON.parse((await run(["status", "--json"], { home })).stdout) as { pid: number }).pid);
}

const openFilesOf = async (pid: number): Promise<readonly string[]> =>
  (await readdir(`/proc/${pid}/fd`)).flatMap((name) => {
    try {
      return [readlinkSync(`/proc/${pid}/fd/${name}`)];
    } catch {
      return [];
    }
  });

describe("the log of a daemon", () => {
  test.each([
    ["SIGHUP", (_home: string, pid: number) => void process.kill(pid, "SIGHUP")],
    ["SIGUSR1", (_home: string, pid: number) => void process.kill(pid, "SIGUSR1")],
    ["SIGUSR2", (_home: string, pid: number) => void process.kill(pid, "SIGUSR2")],
    ["reload", async (home: string) => void (await run(["reload"], { home }))],
  ])(
    "that was moved away is opened anew by %s, standard output included, and no debugger is opened",
    async (_name, tell) => {
      const home = await configuredHome();
      const pid = await startedDaemon(home);
      const moved = `${logOf(home)}.moved`;
      await rename(logOf(home), moved);
      expect((await openFilesOf(pid)).filter((path) => path === moved).length).toBeGreaterThan(0);
      await tell(home, pid);
      await eventually("a new log", async () => existsSync(logOf(home)));
      await eventually("nothing has the old one open", async () => !(await openFilesOf(pid)).includes(moved));
      // Standard output, standard error, and the log's own.
      expect((await openFilesOf(pid)).filter((path) => path === logOf(home))).toHaveLength(3);
      await run(["stop"], { home });
      expect(await readFile(logOf(home), "utf8")).toContain('"msg":"stopped"');
      expect(await readFile(moved, "utf8")).not.toContain("Debugger listening");
    },
  );

  test("stays within its bound, in files that are left out when their folder is watched", async () => {
    const root = await folder();
    const logging = `{level: debug, dir: ${JSON.stringify(root)}, max_bytes: 2000, keep_files: 2}`;
    const home = await configuredHome(logging, root);
    await startedDaemon(home);
    await eventually("two older files", async () => {
      await run(["reload"], { home });
      return existsSync(`${logOf(root)}.2`);
    });
    expect(existsSync(`${logOf(root)}.3`)).toBe(false);
    await writeFile(join(root, "d", "after"), "x");
    await eventually("the root, a directory and its file are known and nothing else", async () => {
      const { sources } = JSON.parse((await run(["status", "--json"], { home })).stdout) as {
        sources: readonly { readonly status: { readonly entries?: number } }[];
      };
      return sources[0]?.status.entries === 3;
    });
    await run(["stop"], { home });
  });
});

interface Printed {
  readonly code: number | null;
  readonly stderr: string;
}

/** A command whose standard output is a device that is always full. */
async function runIntoFullDisk(
  args: readonly string[],
  home: string,
  stopWhen?: () => Promise<void>,
): Promise<Printed> {
  const full = openSync("/dev/full", "w");
  const env = { ...process.env, FUSTOR_HOME: home, FUSTOR_CONSOLE_PORT: "0" };
  const child = spawn(process.execPath, [cliPath(), ...args], { env, stdio: ["ignore", full, "pipe"] });
  closeSync(full);
  onTestFinished(() => void child.kill("SIGKILL"));
  let stderr = "";
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  const ended = once(child, "close");
  await stopWhen?.();
  if (stopWhen !== undefined) child.kill("SIGTERM");
  const [code] = await ended;
  return { code: code as number | null, stderr };
}

describe("standard output on a full disk", () => {
  test.each([[["list"]], [["validate"]], [["scan", import.meta.dirname]], [["--help"]]])(
    "costs the command %j one line and exit code 1",
    async (args) => {
      const { code, stderr } = await runIntoFullDisk(args, await configuredHome());
      expect({ code, stderr }).toEqual({
        code: 1,
        stderr: expect.stringMatching(/^fustor-agent: standard output takes nothing: ENOSPC[^\n]*\n$/),
      });
    },
  );

  test("does not end a foreground agent: its log says so and goes on", async () => {
    const home = await configuredHome();
    const text = async (): Promise<string> => readFile(logOf(home), "utf8");
    const { code, stderr } = await runIntoFullDisk(["start"], home, () =>
      eventually("the agent runs without its standard output", async () => {
        const log = await text();
        return log.includes("standard output takes no lines any more") && log.includes("snapshot");
      }),
    );
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(await text()).toContain('"msg":"stopped"');
  });
});

test("a foreground agent writes JSON to standard output when it is told to", async () => {
  const home = await configuredHome("{stdout: json}");
  const child = spawn(process.execPath, [cliPath(), "start"], {
    env: { ...process.env, FUSTOR_HOME: home, FUSTOR_CONSOLE_PORT: "0" },
    stdio: ["ignore", "pipe", "ignore"],
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  let stdout = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
  });
  await eventually("three lines", async () => stdout.split("\n").length > 3);
  child.kill("SIGTERM");
  await once(child, "close");
  const lines = stdout.trimEnd().split("\n");
  for (const line of lines)
    expect(JSON.parse(line)).toMatchObject({ level: expect.any(String), time: expect.any(String) });
  expect(lines.at(-1)).toContain('"msg":"stopped"');
});
