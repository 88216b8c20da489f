/** fs source -> sender-openapi -> the receivers of examples/: their pictures are what `find` prints. */
import { mkdirSync, renameSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { killChildren } from "../../../test/support/child-process.ts";
import { playRandomly } from "../../../test/support/random-operations.ts";
import { removeTempFolders } from "../../../test/support/temp-tree.ts";
import { Agent, agentTo, RECEIVERS, type ReceiverName, waitUntilEqual } from "./receivers.ts";
import { SEED, stage } from "./scene.ts";

afterEach(async () => {
  await killChildren();
  removeTempFolders();
});

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

test.each(Object.keys(RECEIVERS) as ReceiverName[])(
  "%s holds the tree: after changes, after its own restart, and after the agent's",
  async (name) => {
    const { root, outside, receiver } = await stage(name, 300);
    const agent = new Agent(agentTo({ root, uri: receiver.uri })).start();
    const scene = { root, receiver, agent };
    await waitUntilEqual(scene, "the snapshot");
    changeOrderly(root);
    playRandomly({ root, outside, seed: SEED, steps: 400 });
    await waitUntilEqual(scene, "changes");

    await receiver.kill();
    await receiver.start();
    await waitUntilEqual(scene, "the receiver forgot everything, and nothing changes");

    expect(await agent.stop()).toBe(0);
    playRandomly({ root, outside, seed: SEED + 1, steps: 200 });
    rmSync(join(root, "moved"), { recursive: true, force: true });
    agent.start();
    await waitUntilEqual(scene, "what changed while no agent ran");
  },
);
