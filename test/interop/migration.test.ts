/** docs/migrate.md, played: the Python agent on the real Fusion, ours in its place with its files unchanged, and back again. */
import { createHash } from "node:crypto";
import { readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { run } from "../e2e/cli-process.ts";
import { type AgentProcess, createAgentChild } from "../support/agent-process.ts";
import { killChildren } from "../support/child-process.ts";
import { cliPath } from "../support/cli-path.ts";
import { createPythonAgent } from "../support/python-agent.ts";
import { createRealFusion } from "../support/real-fusion.ts";
import { createTempFolder, growTree, removeTempFolders } from "../support/temp-tree.ts";
import { converge, describeComparison } from "../support/tree-compare.ts";
import { waitFor } from "../support/wait-for.ts";

afterAll(async () => {
  await killChildren();
  removeTempFolders();
});

const contentOf = (path: string): string => createHash("sha256").update(readFileSync(path)).digest("hex");

/** What a user wrote: the configuration and the identity, as they stand in a home. */
function writtenFiles(home: string): Readonly<Record<string, string>> {
  const configs = readdirSync(join(home, "agent-config")).map((name) => join("agent-config", name));
  return Object.fromEntries([...configs, "agent.id"].map((name) => [name, contentOf(join(home, name))]));
}

test("the Python agent is replaced with its files unchanged, and comes back in the same way", async () => {
  const root = createTempFolder("migrated");
  growTree(root, { seed: 11, files: 600 });
  const fusion = await createRealFusion({ sessionTimeoutSeconds: 30 });
  await fusion.start();
  const python = createPythonAgent({ root, receiver: fusion.receiver });
  const { home } = python;
  const command = { name: "fustor-agent", command: process.execPath, args: [cliPath(), "start"] };
  const ours = createAgentChild({ ...command, env: { FUSTOR_CONSOLE_PORT: "0" } }, home);
  const begun = performance.now();
  const say = (what: string): void => console.log(`${((performance.now() - begun) / 1000).toFixed(1)} s  ${what}`);

  const takesOver = async (agent: AgentProcess, what: string): Promise<void> => {
    agent.start();
    const opened = async () => (await fusion.view.readTree()).state === "open";
    await waitFor(opened, { timeoutMs: 40_000, what: () => `${what}: the view opens\n${agent.output()}` });
    const result = await converge(fusion.view, root, { timeoutMs: 40_000 });
    if (!result.equal) throw new Error(`${what}: ${describeComparison(result.last)}\n${agent.output()}`);
    say(`${what}: view equal, ${result.entries} entries`);
  };
  const ends = async (agent: AgentProcess, what: string): Promise<void> => {
    await agent.terminate();
    expect(await fusion.view.sessions()).toEqual([]);
    say(`${what} was stopped, no session is left`);
  };
  /** While no agent runs: one path more, one less, and a directory of another name. */
  const change = (from: string, to: string): void => {
    writeFileSync(join(root, `beside ${to}`), to);
    const victim = readdirSync(root).find((name) => name.endsWith(".dat"));
    rmSync(join(root, victim ?? "a file in the root of the tree"));
    renameSync(join(root, from), join(root, to));
  };

  await takesOver(python, "the Python agent");
  const before = writtenFiles(home);
  const tooEarly = await run(["start"], { home });
  expect(tooEarly).toMatchObject({ code: 75, stderr: expect.stringContaining("the Python agent is running on") });
  await ends(python, "the Python agent");

  change("d1", "moved");
  const validated = await run(["validate"], { home });
  expect({ code: validated.code, stderr: validated.stderr }).toEqual({ code: 0, stderr: "" });
  await takesOver(ours, "ours in its place");
  writeFileSync(join(root, "while ours runs"), "new");
  for (let at = 0; at < 300; at++) writeFileSync(join(root, `burst ${at}`), "new");
  const live = await converge(fusion.view, root, { timeoutMs: 40_000 });
  if (!live.equal) throw new Error(`changes: ${describeComparison(live.last)}`);
  say("ours, after 301 new files: view equal");
  await ends(ours, "ours");
  expect(writtenFiles(home)).toEqual(before);

  change("moved", "moved again");
  await takesOver(python, "the Python agent again");
  await ends(python, "the Python agent");

  // What ours had left in the home is of an earlier view.
  change("moved again", "moved for good");
  await takesOver(ours, "ours again");
  await ends(ours, "ours");
  expect(writtenFiles(home)).toEqual(before);
});
