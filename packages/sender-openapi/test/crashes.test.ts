/** The agent is killed in each phase; the receiver's picture is what `find` prints all the same. */
import { rmSync } from "node:fs";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { killChildren } from "../../../test/support/child-process.ts";
import { playRandomly, startUnrest } from "../../../test/support/random-operations.ts";
import { removeTempFolders } from "../../../test/support/temp-tree.ts";
import { waitFor } from "../../../test/support/wait-for.ts";
import { Agent, agentTo, waitUntilEqual } from "./receivers.ts";
import { SEED, stage } from "./scene.ts";

afterEach(async () => {
  await killChildren();
  removeTempFolders();
});

test("an agent that is killed in the snapshot, and again with changes under way, leaves nothing wrong", async () => {
  const { root, outside, receiver } = await stage("receiver.mjs", 800);
  const agent = new Agent(agentTo({ root, uri: receiver.uri, sender: { batch_bytes: 500 } })).start();
  const scene = { root, receiver, agent };
  const hasBegun = async () => {
    agent.demandAlive();
    return (await receiver.picture()).size > 50;
  };
  await waitFor(hasBegun, { timeoutMs: 20_000, intervalMs: 5, what: "rows of the snapshot" });
  await agent.kill();
  expect((await receiver.picture()).size).toBeLessThan(800);
  playRandomly({ root, outside, seed: SEED, steps: 200 });
  rmSync(join(root, "d2"), { recursive: true, force: true });
  agent.start();
  await waitUntilEqual(scene, "the snapshot of the second run");

  const unrest = startUnrest({ root, outside, seed: SEED + 2 });
  const before = await receiver.get("/tree");
  const hasChanged = async () => (await receiver.get("/tree")) !== before;
  await waitFor(hasChanged, { timeoutMs: 20_000, what: "live changes" });
  await agent.kill();
  await unrest.stop();
  playRandomly({ root, outside, seed: SEED + 3, steps: 200 });
  agent.start();
  await waitUntilEqual(scene, "what the killed agent had not sent");
});
