/** The commands for single pipes, with the built command line and an agent in the background. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { PATIENCE } from "../../support/patience.ts";
import { agentHome, cli, eventually, folder, run } from "../cli-process.ts";
import { factsOf } from "./echo-home.ts";

async function scene(): Promise<{ readonly home: string; readonly root: string }> {
  const [home, root] = [await agentHome(), await folder()];
  await writeFile(join(root, "first"), "x");
  const yaml = `
sources: [{id: s1, type: fs, config: {uri: ${JSON.stringify(root)}}}]
senders: [{id: e, type: echo, config: {}}]
pipes: [{id: p1, source_id: s1, sender_id: e, enabled: true}]
`;
  await writeFile(join(home, "agent-config.yaml"), yaml, { mode: 0o600 });
  expect((await run(["start", "-D"], { home })).code).toBe(0);
  await whole(home);
  return { home, root };
}

const whole = (home: string): Promise<void> =>
  eventually(
    "a whole snapshot",
    async () => (await factsOf(home)).pipes[0]?.snapshot === "complete",
    20_000 * PATIENCE,
  );

test("a tap prints what changes, a snapshot begins, a pipe stops and starts, and the log is read by level", async () => {
  const { home, root } = await scene();
  const tap = cli(["tap", "p1", "--filter", "*.csv", "--json"], { home });
  const write = async (): Promise<boolean> => {
    await writeFile(join(root, "x.txt"), String(Math.random()));
    await writeFile(join(root, "x.csv"), String(Math.random()));
    return tap.lines.length > 0;
  };
  await eventually("a change at the tap", write, 20_000 * PATIENCE);
  const seen = tap.lines.map((line) => JSON.parse(line) as { key: string; row: { path: string } });
  expect(new Set(seen.map(({ key }) => key))).toEqual(new Set(["/x.csv"]));
  expect(await run(["snapshot", "p1"], { home })).toMatchObject({ code: 0 });
  await whole(home);
  expect(await run(["pipe", "restart", "p1"], { home })).toMatchObject({
    code: 0,
    stdout: "Started p1 in the running agent.\n",
  });
  expect(await run(["pipe", "stop", "p1"], { home })).toMatchObject({ code: 0 });
  expect(await run(["snapshot", "p1"], { home })).toMatchObject({
    code: 1,
    stderr: expect.stringContaining("no pipe"),
  });
  expect(await run(["pipe", "start", "p1"], { home })).toMatchObject({ code: 0 });
  const before = tap.lines.length;
  await eventually(
    "a tap hears the pipe that was started again",
    async () => (await write()) && tap.lines.length > before,
  );
  tap.child.kill("SIGINT");
  expect((await tap.ended).code).toBe(0);
  const loud = await run(["logs", "--level", "error"], { home });
  expect(loud).toMatchObject({ code: 0, stdout: "" });
  const lines = await run(["logs", "--level", "info", "--json", "-n", "500"], { home });
  expect(lines.stdout).toContain('"action":"/pipes/p1/restart"');
});

test("without an agent, and for a pipe that is not there, each command says so", async () => {
  const { home } = await scene();
  for (const args of [["tap"], ["snapshot"], ["pipe", "restart"]]) {
    const { code, stderr } = await run([...args, "nobody"], { home });
    expect({ args, code, stderr }).toMatchObject({ code: 1, stderr: expect.stringContaining('no pipe "nobody"') });
  }
  expect((await run(["stop"], { home })).code).toBe(0);
  for (const args of [["tap"], ["snapshot"], ["pipe", "restart"], ["pipe", "start"]]) {
    const { code, stderr } = await run([...args, "p1"], { home });
    expect({ args, code, stderr }).toMatchObject({ code: 3, stderr: expect.stringContaining("no agent is running") });
  }
});
