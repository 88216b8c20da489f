/** Reloads of an agent in this process, beside everything else that goes on. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, expect, onTestFinished, test } from "vitest";
import { resolveTarget } from "../../../src/agent/reload/reload-plan.ts";
import { requirePipe } from "../../../src/config/select.ts";
import { type EmbeddedFusion, startEmbeddedFusion } from "../../../src/fusion/embedded-fusion.ts";
import { demoFusionConfig } from "../../../src/fusion/fusion-config.ts";
import {
  type Agent,
  type AgentConfig,
  createAgent,
  loadConfig,
  selectPipes,
  silentLogger,
} from "../../../src/index.ts";
import { PATIENCE } from "../../support/patience.ts";
import { startUnrest } from "../../support/random-operations.ts";
import { createTempFolder, removeTempFolders, seededRandom } from "../../support/temp-tree.ts";
import { waitUntilEqual } from "../../support/tree-compare.ts";
import { createViewClient, type ViewClient } from "../../support/view-client.ts";
import { waitFor } from "../../support/wait-for.ts";

afterEach(removeTempFolders);

const KEYS = { pushKey: "push-key", readKey: "read-key", pipe: "pipe-1", view: "unified" };
/** A pipe that is stopped with a backlog may have sent a delete and not what came after it (docs/faults.md). */
const DRAIN_MS = 5_000 * PATIENCE;

interface Stage {
  readonly home: string;
  readonly root: string;
  readonly fusion: EmbeddedFusion;
  readonly view: ViewClient;
  /** Pipes with further keys; all of them on one source. */
  configure(pipes: Readonly<Record<string, object>>, timeoutSeconds?: number): Promise<AgentConfig>;
  reload(config: AgentConfig): ReturnType<Agent["reload"]>;
  start(pipes: Readonly<Record<string, object>>): Promise<Agent>;
}

async function stage(): Promise<Stage> {
  const [home, root] = [createTempFolder("reload-home"), createTempFolder("reload-tree")];
  const config = demoFusionConfig({ ...KEYS, viewPort: 0, receiverPort: 0 });
  const fusion = await startEmbeddedFusion({ config, logger: silentLogger });
  onTestFinished(() => fusion.stop());
  const url = fusion.receiverUrls.get("http-receiver") ?? "";
  let agent: Agent | undefined;
  const configure = async (pipes: Readonly<Record<string, object>>, timeoutSeconds = 30): Promise<AgentConfig> => {
    const document = {
      sources: { s: { driver: "fs", uri: root } },
      senders: { f: { driver: "fusion", uri: url, credential: KEYS.pushKey, timeout_sec: timeoutSeconds } },
      pipes: Object.fromEntries(Object.entries(pipes).map(([id, more]) => [id, { source: "s", sender: "f", ...more }])),
    };
    await writeFile(join(home, "agent-config.yaml"), JSON.stringify(document));
    return loadConfig({ env: { FUSTOR_HOME: home }, cwd: home });
  };
  const planOf = (from: AgentConfig) => ({ config: from, pipes: selectPipes(from, []).selected });
  return {
    home,
    root,
    fusion,
    view: createViewClient({ url: fusion.viewUrl, viewId: KEYS.view, key: KEYS.readKey }),
    configure,
    reload: (next) => (agent as Agent).reload(planOf(next), DRAIN_MS),
    async start(pipes) {
      const made = await createAgent({ ...planOf(await configure(pipes)), logger: silentLogger });
      agent = made;
      onTestFinished(() => made.stop(0));
      await made.start();
      return made;
    },
  };
}

/** A leader has ended its snapshot, a follower has its session. */
const settled = (agent: Agent, ...ids: string[]): Promise<unknown> =>
  waitFor(
    () =>
      ids.every((id) => {
        const pipe = agent.status().pipes.find((each) => each.id === id);
        return pipe?.role === "follower" || (pipe?.role === "leader" && pipe.snapshot === "complete");
      }),
    { timeoutMs: 20_000 * PATIENCE, what: () => `settled pipes: ${JSON.stringify(agent.status().pipes)}` },
  );

test("an agent that is stopped in the middle of a reload ends, starts nothing more and leaves no session behind", async () => {
  const { fusion, configure, reload, start } = await stage();
  const agent = await start({ a: {}, b: {} });
  await settled(agent, "a", "b");
  const reloading = reload(await configure({ a: { batch_size: 3 }, b: {}, c: {} }));
  await waitFor(() => agent.status().pipes.some(({ id }) => id === "c"), {
    timeoutMs: 10_000 * PATIENCE,
    what: "a new pipe",
  });
  await Promise.all([reloading, agent.stop(DRAIN_MS)]);
  expect(agent.status()).toMatchObject({ state: "stopped", sources: [] });
  expect(fusion.summaryOf(KEYS.view)?.sessions).toBe(0);
});

test("an agent that stops refuses a reload", async () => {
  const { configure, reload, start } = await stage();
  const agent = await start({ a: {} });
  const stopping = agent.stop(DRAIN_MS);
  await expect(reload(await configure({ a: {}, b: {} }))).rejects.toMatchObject({ code: "FUSTOR_ABORTED" });
  await stopping;
});

test("a pipe that is stopped while it starts is stopped, and the next reload starts it", async () => {
  const { fusion, configure, reload, start } = await stage();
  const agent = await start({ a: {} });
  const starting = reload(await configure({ a: {}, b: {} }));
  const [, found] = await Promise.all([starting, starting.then(() => agent.stopPipe("b", DRAIN_MS))]);
  expect(found).toBe(true);
  await settled(agent, "a");
  expect(fusion.summaryOf(KEYS.view)?.sessions).toBe(1);
  expect((await reload(await configure({ a: {}, b: {} }))).pipes).toEqual([
    { pipe: "a", action: "unchanged", reasons: [] },
    { pipe: "b", action: "started", reasons: ["it was stopped"] },
  ]);
  await settled(agent, "a", "b");
});

const seeds = process.env.SEED === undefined ? [1, 2, 6, 12] : [Number(process.env.SEED)];

for (const seed of seeds) {
  test(`reload after reload under constant changes, the view equals the tree and each pipe has one session (SEED=${seed})`, {
    timeout: 120_000 * PATIENCE,
  }, async () => {
    const { root, fusion, view, configure, reload, start } = await stage();
    const random = seededRandom(seed);
    const agent = await start({ keep: {} });
    const unrest = startUnrest({ root, outside: createTempFolder("reload-outside"), seed });
    const wanted = new Set<string>();
    for (let round = 0; round < 12; round++) {
      wanted.clear();
      const pipes: Record<string, object> = { keep: {} };
      for (const id of ["x", "y", "z"]) if (random() < 0.6) pipes[id] = { batch_size: 1 + Math.floor(random() * 3) };
      const report = await reload(await configure(pipes));
      expect(report.pipes.filter(({ failure }) => failure !== undefined)).toEqual([]);
      expect(report.pipes.find(({ pipe }) => pipe === "keep")?.action).toBe("unchanged");
      for (const id of Object.keys(pipes)) wanted.add(id);
      if (random() < 0.3) {
        await agent.stopPipe("x", DRAIN_MS);
        wanted.delete("x");
      }
    }
    await unrest.stop();
    await waitUntilEqual(view, root, { timeoutMs: 60_000 });
    // On a busy machine a session may have run out a moment ago, and its pipe is about to open another one.
    const running = () => agent.status().pipes.flatMap(({ id, state }) => (state === "running" ? [id] : []));
    await waitFor(() => running().sort().join() === [...wanted].sort().join(), {
      timeoutMs: 20_000,
      what: () => `${running()} run instead of ${[...wanted]}`,
    });
    expect(fusion.summaryOf(KEYS.view)?.sessions).toBe(wanted.size);
  });
}

test("a reload waits for a pipe that is being stopped before it starts the pipe again", async () => {
  const { fusion, configure, reload, start } = await stage();
  const agent = await start({ a: {} });
  await settled(agent, "a");
  const order: string[] = [];
  const stopping = agent.stopPipe("a", DRAIN_MS).then(() => order.push("stopped"));
  const reloading = reload(await configure({ a: {} })).then(() => order.push("started"));
  await Promise.all([stopping, reloading]);
  await settled(agent, "a");
  expect(order).toEqual(["stopped", "started"]);
  expect(fusion.summaryOf(KEYS.view)?.sessions).toBe(1);
});

test("a pipe that is asked for many times at once is started once", async () => {
  const { fusion, configure, start } = await stage();
  const agent = await start({ a: {} });
  await settled(agent, "a");
  await agent.stopPipe("a", DRAIN_MS);
  const config = await configure({ a: {} });
  const target = resolveTarget(requirePipe(config, "a"), config);
  const outcomes = await Promise.all([1, 2, 3].map(() => agent.startPipe(target)));
  expect(outcomes).toEqual([undefined, "running", "running"]);
  expect(agent.status().pipes).toHaveLength(1);
  await settled(agent, "a");
  expect(fusion.summaryOf(KEYS.view)?.sessions).toBe(1);
});
