import { mkdir, mkdtemp, realpath, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { type EmbeddedFusion, startEmbeddedFusion } from "../../../src/fusion/embedded-fusion.ts";
import { demoFusionConfig } from "../../../src/fusion/fusion-config.ts";
import { type Agent, createAgent, loadConfig, selectPipes, silentLogger } from "../../../src/index.ts";
import { waitFor } from "../../support/wait-for.ts";

async function folder(): Promise<string> {
  const path = await realpath(await mkdtemp(join(tmpdir(), "fustor-agent-room-")));
  onTestFinished(() => rm(path, { recursive: true, force: true }));
  return path;
}

async function fusion(): Promise<EmbeddedFusion> {
  const keys = { pushKey: "push-key", readKey: "read-key", pipe: "pipe-1", view: "unified" };
  const config = demoFusionConfig({ ...keys, viewPort: 0, receiverPort: 0 });
  const server = await startEmbeddedFusion({ config, logger: silentLogger });
  onTestFinished(() => server.stop());
  return server;
}

async function agentOf(home: string, yaml: string): Promise<Agent> {
  await writeFile(join(home, "agent-config.yaml"), yaml);
  const config = await loadConfig({ env: { FUSTOR_HOME: home }, cwd: home });
  const agent = await createAgent({ config, pipes: selectPipes(config, []).selected, logger: silentLogger });
  onTestFinished(() => agent.stop(0));
  return agent;
}

const isComplete = (agent: Agent, pipe: string): boolean =>
  agent.status().pipes.find(({ id }) => id === pipe)?.snapshot === "complete";

test("two pipes on equal sources share one, and it is closed with the last of them", async () => {
  const [home, root] = [await folder(), await folder()];
  await mkdir(join(root, "d"));
  const agent = await agentOf(
    home,
    `
sources:
  - {id: one, type: fs, config: {uri: ${root}}}
  - {id: same, type: fs, config: {uri: ${root}/}}
  - {id: other, type: fs, config: {uri: ${root}, driver_params: {file_pattern: "*.csv"}}}
senders: [{id: e, type: echo, config: {}}]
pipes:
  - {id: p1, source_id: one, sender_id: e, enabled: true}
  - {id: p2, source_id: same, sender_id: e, enabled: true}
  - {id: p3, source_id: other, sender_id: e, enabled: true}
`,
  );
  expect(await agent.start()).toEqual({ started: ["p1", "p2", "p3"], failed: [] });
  const done = (): boolean => ["p1", "p2", "p3"].every((pipe) => isComplete(agent, pipe));
  await waitFor(done, { timeoutMs: 10_000, what: "three snapshots" });
  const { sources, state } = agent.status();
  expect(state).toBe("running");
  expect(sources.map(({ ids }) => ids)).toEqual([["one", "same"], ["other"]]);
  await agent.stop(1000);
  expect(agent.status()).toMatchObject({ state: "stopped", sources: [] });
});

test("a pipe that cannot start is told with its reason while the others run", async () => {
  const [home, root] = [await folder(), await folder()];
  const agent = await agentOf(
    home,
    `
sources: [{id: s, type: fs, config: {uri: ${root}}}]
senders:
  - {id: e, type: echo, config: {}}
  - {id: bad, type: fusion, config: {endpoint: "https://127.0.0.1:1", credential: a-push-key, driver_params: {ca_file: /no/such/ca}}}
pipes:
  - {id: p1, source_id: s, sender_id: bad, enabled: true}
  - {id: p2, source_id: s, sender_id: e, enabled: true}
`,
  );
  const report = await agent.start();
  expect(report).toMatchObject({ started: ["p2"], failed: [{ pipe: "p1" }] });
  expect(report.failed[0]?.reason).toContain("/no/such/ca");
  expect(agent.status().pipes[0]).toMatchObject({ id: "p1", state: "failed", lastError: report.failed[0]?.reason });
  await waitFor(() => isComplete(agent, "p2"), { timeoutMs: 10_000, what: "the other pipe's snapshot" });
});

test("a clean stop leaves no session behind, neither at the receiver nor in the state", async () => {
  const [home, root, server] = [await folder(), await folder(), await fusion()];
  const agent = await agentOf(
    home,
    `
sources: [{id: s, type: fs, config: {uri: ${root}}}]
senders: [{id: f, type: fusion, config: {endpoint: "${server.receiverUrls.get("http-receiver")}", credential: push-key}}]
pipes: [{id: p1, source_id: s, sender_id: f, enabled: true}]
`,
  );
  await agent.start();
  await waitFor(() => server.viewsReady("unified"), { timeoutMs: 10_000, what: "a ready view" });
  expect(server.summaryOf("unified")?.sessions).toBe(1);
  await agent.stop(5000);
  expect(server.summaryOf("unified")?.sessions).toBe(0);
});

test("the status holds no key and no password", async () => {
  const [home, root] = [await folder(), await folder()];
  const agent = await agentOf(
    home,
    `
sources: [{id: s, type: fs, config: {uri: ${root}}}]
senders: [{id: f, type: fusion, config: {endpoint: "http://127.0.0.1:9", credential: very-secret-key}}]
pipes: [{id: p1, source_id: s, sender_id: f, enabled: true}]
`,
  );
  await agent.start();
  await waitFor(() => agent.status().pipes[0]?.lastError !== undefined, { timeoutMs: 10_000, what: "a failure" });
  expect(JSON.stringify(agent.status())).not.toContain("very-secret-key");
});
