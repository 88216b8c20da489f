/** An agent whose bus and state are those of the program that runs it. */
import { existsSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, expect, onTestFinished, test } from "vitest";
import {
  type Agent,
  type AgentOptions,
  createAgent,
  loadConfig,
  selectPipes,
  silentLogger,
} from "../../../src/index.ts";
import { MemoryBus } from "../../support/memory-bus.ts";
import { openMemoryState } from "../../support/memory-state.ts";
import { createTempFolder, removeTempFolders } from "../../support/temp-tree.ts";
import { waitFor } from "../../support/wait-for.ts";

afterEach(removeTempFolders);

const parts = {
  createEventBus: (settings) => new MemoryBus(settings),
  openStateStore: openMemoryState,
} as const satisfies Pick<AgentOptions, "createEventBus" | "openStateStore">;

async function agentWith(own: Partial<AgentOptions>, home = createTempFolder("replaced")): Promise<Agent> {
  const root = createTempFolder("replaced-tree");
  await writeFile(join(root, "a"), "1");
  const config = { sources: { s: { driver: "fs", uri: root } }, senders: { e: { driver: "echo" } } };
  const pipes = { p: { source: "s", sender: "e" } };
  await writeFile(join(home, "agent-config.yaml"), JSON.stringify({ ...config, pipes }), { mode: 0o600 });
  const loaded = await loadConfig({ env: { FUSTOR_HOME: home }, cwd: home });
  const agent = await createAgent({
    ...{ config: loaded, pipes: selectPipes(loaded, []).selected, logger: silentLogger },
    ...own,
  });
  onTestFinished(() => agent.stop(0));
  await agent.start();
  return agent;
}

const pipeOf = (agent: Agent) => agent.status().pipes[0];

test("the agent runs on the parts of the program and writes no state of its own", async () => {
  const home = createTempFolder("replaced");
  const agent = await agentWith(parts, home);
  await waitFor(() => pipeOf(agent)?.snapshot === "complete", { timeoutMs: 10_000, what: "the snapshot" });
  const before = pipeOf(agent)?.committedIndex ?? 0;
  const root = agent.status().sources[0]?.uri ?? "";
  await writeFile(join(root, "b"), "2");
  await waitFor(() => (pipeOf(agent)?.committedIndex ?? 0) > before, { timeoutMs: 10_000, what: "a live change" });
  expect(existsSync(join(home, "state", "pipes.json"))).toBe(false);
});

test("a bus that fails keeps its pipe from starting, and the failure names it", async () => {
  const failing = (): never => {
    throw new Error("no paper");
  };
  const made = await agentWith({ createEventBus: failing });
  expect(pipeOf(made)).toMatchObject({ state: "failed", lastError: expect.stringContaining("no paper") });
  const subscribed = await agentWith({
    createEventBus: (settings) => Object.assign(new MemoryBus(settings), { subscribe: failing }),
  });
  expect(pipeOf(subscribed)?.lastError).toContain(
    "the event bus that createAgent was given: subscribe failed: no paper",
  );
});

test("a state store that fails is logged by its name, and the pipe goes on", async () => {
  const said: string[] = [];
  const note = ({ err }: { readonly err?: Error }): void => void said.push(String(err?.message ?? ""));
  const logger = { ...silentLogger, error: note, child: () => logger };
  const agent = await agentWith({
    logger,
    openStateStore: async (context) => {
      const store = await openMemoryState(context);
      const rememberSession = (): never => {
        throw new Error("no paper");
      };
      return { ...store, pipeStoreOf: (...given) => ({ ...store.pipeStoreOf(...given), rememberSession }) };
    },
  });
  await waitFor(() => pipeOf(agent)?.snapshot === "complete", { timeoutMs: 10_000, what: "the snapshot" });
  expect(said).toContain("the state store of a pipe that createAgent was given: rememberSession failed: no paper");
});
