/** fs source -> sender-kafka -> a topic: read from its start it is what `find` prints, whatever is killed. */
import { mkdirSync, readFileSync, renameSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import type { Row } from "fustor-agent/sdk";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { killChildren, startChild } from "../../../test/support/child-process.ts";
import { readDisk } from "../../../test/support/disk-tree.ts";
import { playRandomly, startUnrest } from "../../../test/support/random-operations.ts";
import { createTempFolder, growTree, removeTempFolders } from "../../../test/support/temp-tree.ts";
import { compareTrees, describeDifferences } from "../../../test/support/tree-compare.ts";
import { waitFor } from "../../../test/support/wait-for.ts";
import { Agent, type AgentOptions, SEED, waitUntilEqual } from "./agent-scene.ts";
import { KafkaBroker } from "./kafka-broker.ts";
import { readTopic, treeOf } from "./read-topic.ts";

const ROOT = resolve(import.meta.dirname, "../../..");
const SECTION = readFileSync(join(ROOT, "docs/consumer-guide.md"), "utf8").split("## A consumer of a topic")[1] ?? "";
const GUIDE = "research";

let broker: KafkaBroker;

beforeAll(async () => {
  broker = await KafkaBroker.start();
});
afterEach(async () => {
  await killChildren();
  removeTempFolders();
});
afterAll(async () => {
  await broker?.end();
});

function stage(topic: string, files: number, more: Partial<AgentOptions> = {}) {
  console.log(`seed ${SEED} (FUSTOR_TEST_SEED repeats it)`);
  const [root, outside] = [createTempFolder("topical"), createTempFolder("outside")];
  growTree(root, { seed: SEED, files });
  writeFileSync(Buffer.concat([Buffer.from(`${root}/odd `), Buffer.from([0xff, 0x0a]), Buffer.from("‛ %41")]), "x");
  const agent = new Agent({ root, uri: broker.uri, topic, ...more }).start();
  return { root, outside, agent };
}

const countOf = async (topic: string): Promise<number> => (await readTopic(broker.port, topic)).records.length;

function changeOrderly(root: string): void {
  mkdirSync(join(root, "new/below"), { recursive: true });
  for (const name of ["one", "two", "three"]) writeFileSync(join(root, "new/below", name), name);
  renameSync(join(root, "new/below/one"), join(root, "new/uno"));
  renameSync(join(root, "new/below"), join(root, "moved"));
  writeFileSync(join(root, "old times"), "x");
  utimesSync(join(root, "old times"), 1e9, 1e9);
  rmSync(join(root, "d1"), { recursive: true });
  writeFileSync(join(root, "d1"), "a file in the place of a directory");
}

test("changes, renames and deleted directories; a restart adds the difference alone", async () => {
  const topic = "changes";
  const { root, outside, agent } = stage(topic, 300, { params: { partitions: 3 } });
  await waitUntilEqual(agent, broker.port, "the snapshot");
  changeOrderly(root);
  playRandomly({ root, outside, seed: SEED, steps: 400 });
  await waitUntilEqual(agent, broker.port, "changes");
  expect(await agent.stop()).toBe(0);

  const before = await countOf(topic);
  writeFileSync(join(root, "one more"), "x");
  rmSync(join(root, "moved"), { recursive: true, force: true });
  agent.start();
  await waitUntilEqual(agent, broker.port, "what changed while no agent ran");
  expect(await countOf(topic)).toBeLessThan(before + 40);
});

test("a killed agent, and files that were deleted before it is back", async () => {
  const topic = "killed";
  const { root, outside, agent } = stage(topic, 800, { sender: { batch_bytes: 4000 } });
  const hasBegun = async () => {
    agent.demandAlive();
    return (await countOf(topic).catch(() => 0)) > 50;
  };
  await waitFor(hasBegun, { timeoutMs: 30_000, intervalMs: 5, what: () => `rows of the snapshot: ${agent.output()}` });
  await agent.kill();
  playRandomly({ root, outside, seed: SEED, steps: 200 });
  rmSync(join(root, "d2"), { recursive: true, force: true });
  agent.start();
  await waitUntilEqual(agent, broker.port, "the snapshot of the second run");

  const unrest = startUnrest({ root, outside, seed: SEED + 2 });
  const before = await countOf(topic);
  await waitFor(async () => (await countOf(topic)) > before + 20, { timeoutMs: 20_000, what: "live changes" });
  await agent.kill();
  await unrest.stop();
  rmSync(join(root, "d3"), { recursive: true, force: true });
  playRandomly({ root, outside, seed: SEED + 3, steps: 200 });
  agent.start();
  await waitUntilEqual(agent, broker.port, "ghosts of what was deleted meanwhile");
});

test("a broker that is killed, and is back later", async () => {
  const { root, outside, agent } = stage("broker", 200);
  await waitUntilEqual(agent, broker.port, "the snapshot");
  const unrest = startUnrest({ root, outside, seed: SEED + 4 });
  await broker.kill();
  playRandomly({ root, outside, seed: SEED + 5, steps: 100 });
  rmSync(join(root, "d1"), { recursive: true, force: true });
  await broker.begin();
  playRandomly({ root, outside, seed: SEED + 6, steps: 100 });
  await unrest.stop();
  await waitUntilEqual(agent, broker.port, "what changed while the broker was away");
  expect(await agent.stop()).toBe(0);
});

test("the picture of the example is the tree, from the start of the topic and with what comes", async () => {
  const { root, agent } = stage(GUIDE, 100, { params: { partitions: 2 } });
  // As the guide has it, with this broker and any free port.
  expect(SECTION).toContain(`driver: kafka\n    uri: kafka://localhost:9092\n    driver_params: { topic: ${GUIDE} }`);
  const typed = /node (examples\S+) localhost:9092 (\S+) 9001/.exec(SECTION) ?? [];
  const args = [join(ROOT, typed[1] ?? ""), `127.0.0.1:${broker.port}`, typed[2] ?? "", "0"];
  const start = () => startChild({ command: process.execPath, args });
  let consumer = start();
  // The topic has to be there before it can be consumed.
  const address = await waitFor(
    () => {
      if (consumer.exit() !== undefined) consumer = start();
      return /listening on (\S+)/.exec(consumer.output())?.[1];
    },
    {
      timeoutMs: 30_000,
      intervalMs: 200,
      what: () => `a consumer: ${consumer.output()}`,
    },
  );
  let last = "";
  const isEqual = async (): Promise<boolean> => {
    agent.demandAlive();
    const text = await (await fetch(address)).text();
    const held = text
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => JSON.parse(line) as Row);
    const differences = compareTrees(readDisk(root), treeOf(new Map(held.map((row) => [String(row.path), row]))));
    last = describeDifferences(differences);
    return differences.length === 0;
  };
  await waitFor(isEqual, { timeoutMs: 30_000, intervalMs: 200, what: () => `the snapshot: ${last}` });
  writeFileSync(join(root, "new"), "x");
  renameSync(join(root, "d1"), join(root, "moved"));
  rmSync(join(root, "d2"), { recursive: true, force: true });
  await waitFor(isEqual, { timeoutMs: 30_000, intervalMs: 200, what: () => `changes: ${last}` });
});
