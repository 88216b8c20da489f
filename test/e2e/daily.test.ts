/** What an operator does every day: start one more pipe, restart, look at the log. */
import { appendFile, mkdir, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { agentVersion } from "../../src/sdk/version.ts";
import { agentHome, cli, eventually, folder, run } from "./cli-process.ts";

const logOf = (home: string): string => join(home, "fustor_agent.log");

async function configure(home: string, root: string, pipes: readonly string[]): Promise<void> {
  const lines = pipes.map((pipe) => `  ${pipe}`).join("\n");
  const ends = `sources:\n  s: {driver: fs, uri: ${JSON.stringify(root)}}\nsenders:\n  e: {driver: echo}\n`;
  await writeFile(join(home, "agent-config.yaml"), `${ends}pipes:\n${lines}\n`);
}

async function homeWith(...pipes: readonly string[]): Promise<{ readonly home: string; readonly root: string }> {
  const [home, root] = [await agentHome(), await folder()];
  await mkdir(join(root, "d"));
  await configure(home, root, pipes);
  return { home, root };
}

interface PipeState {
  readonly id: string;
  readonly state: string;
}

const pipesOf = async (home: string): Promise<readonly PipeState[]> =>
  (JSON.parse((await run(["status", "--json"], { home })).stdout) as { pipes: PipeState[] }).pipes;

const idsOf = async (home: string): Promise<readonly string[]> => (await pipesOf(home)).map(({ id }) => id);

describe("start PIPE while the agent runs", () => {
  test("starts that pipe there, says when it runs already, and a reload keeps it", async () => {
    const { home } = await homeWith("p: {source: s, sender: e}", "later: {source: s, sender: e, enabled: false}");
    expect(await run(["start", "-D"], { home })).toMatchObject({ code: 0 });
    expect(await idsOf(home)).toEqual(["p"]);
    const started = { code: 0, stdout: "Started later in the running agent.\n", stderr: "" };
    expect(await run(["start", "later"], { home })).toMatchObject(started);
    expect(await run(["start", "-D", "later"], { home })).toMatchObject({ code: 0, stdout: "later runs already.\n" });
    await eventually("both run", async () => (await pipesOf(home)).every(({ state }) => state === "running"));
    expect(await run(["reload"], { home })).toMatchObject({ code: 0, stdout: "unchanged  p\nunchanged  later\n" });
    expect(await idsOf(home)).toEqual(["p", "later"]);
  });

  test("brings back a pipe that was stopped", async () => {
    const { home } = await homeWith("p: {source: s, sender: e}", "q: {source: s, sender: e}");
    await run(["start", "-D"], { home });
    await run(["stop", "q"], { home });
    expect(await run(["start", "q"], { home })).toMatchObject({
      code: 0,
      stdout: "Started q in the running agent.\n",
    });
    await eventually("it runs", async () => (await pipesOf(home)).every(({ state }) => state === "running"));
  });

  test("takes a pipe that was written since, and refuses a name that is none with 78", async () => {
    const { home, root } = await homeWith("p: {source: s, sender: e}");
    await run(["start", "-D"], { home });
    await configure(home, root, ["p: {source: s, sender: e}", "fresh: {source: s, sender: e}"]);
    expect(await run(["start", "fresh"], { home })).toMatchObject({ code: 0 });
    const refused = await run(["start", "frehs"], { home });
    expect(refused).toMatchObject({ code: 78, stdout: "" });
    expect(refused.stderr).toContain('did you mean "fresh"?');
    expect(await idsOf(home)).toEqual(["p", "fresh"]);
  });

  test("a start without names is refused with 75 as before", async () => {
    const { home } = await homeWith("p: {source: s, sender: e}");
    await run(["start", "-D"], { home });
    expect(await run(["start"], { home })).toMatchObject({ code: 75 });
  });
});

test("restart ends the agent and starts another one, or starts one where none ran", async () => {
  const { home } = await homeWith("p: {source: s, sender: e}");
  const pidOf = async (): Promise<number> =>
    (JSON.parse((await run(["status", "--json"], { home })).stdout) as { pid: number }).pid;
  expect(await run(["restart"], { home })).toMatchObject({ code: 0 });
  const first = await pidOf();
  expect(await run(["restart"], { home })).toMatchObject({ code: 0 });
  expect(await pidOf()).not.toBe(first);
});

test("version prints the package's version", async () => {
  expect(await run(["version"])).toMatchObject({ code: 0, stdout: `${agentVersion}\n` });
});

describe("logs", () => {
  const line = (msg: string): string => `${JSON.stringify({ level: "info", time: "2026-01-02T03:04:05.678Z", msg })}\n`;

  test("prints the last lines for people, or as they stand in the file, and what is no JSON as it is", async () => {
    const { home } = await homeWith("p: {source: s, sender: e}");
    await writeFile(logOf(home), `${line("one")}${line("two")}crashed \u001b[31m\n${line("three")}`);
    const { code, stdout } = await run(["logs", "-n", "3"], { home });
    expect(code).toBe(0);
    expect(stdout.trimEnd().split("\n")).toEqual([
      expect.stringMatching(/^2026-01-0\dT\d\d:\d4:05\.678[+-]\d\d:\d\d INFO {2}two$/),
      "crashed \\x1b[31m",
      expect.stringContaining("INFO  three"),
    ]);
    expect((await run(["logs", "-n", "1", "--json"], { home })).stdout).toBe(line("three"));
  });

  test("-f goes on with what is written, in the next file, too", async () => {
    const { home } = await homeWith("p: {source: s, sender: e}");
    await writeFile(logOf(home), line("before"));
    const follower = cli(["logs", "-f", "--json"], { home });
    await follower.until("the line that was there", ({ lines }) => lines.length === 1);
    await appendFile(logOf(home), line("while"));
    await follower.until("a line that was appended", ({ lines }) => lines.length === 2);
    await rename(logOf(home), `${logOf(home)}.1`);
    await writeFile(logOf(home), line("after"));
    await follower.until("a line of the next file", ({ lines }) => lines.length === 3);
    follower.child.kill("SIGTERM");
    expect(await follower.ended).toMatchObject({ code: 0, stdout: line("before") + line("while") + line("after") });
  });

  test("of an agent that never ran says so", async () => {
    const { home } = await homeWith("p: {source: s, sender: e}");
    expect(await run(["logs"], { home })).toMatchObject({ code: 78, stderr: expect.stringContaining("no log yet") });
  });
});
