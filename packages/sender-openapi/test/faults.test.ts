/** The way to the receiver is bad, and the receiver forgets everything; its picture is what `find` prints all the same. */
import { afterEach, test } from "vitest";
import { killChildren } from "../../../test/support/child-process.ts";
import { startUnrest } from "../../../test/support/random-operations.ts";
import { removeTempFolders } from "../../../test/support/temp-tree.ts";
import { waitFor } from "../../../test/support/wait-for.ts";
import { startFaultyWay } from "./faulty-way.ts";
import { Agent, agentTo, waitUntilEqual } from "./receivers.ts";
import { SEED, stage } from "./scene.ts";

afterEach(async () => {
  await killChildren();
  removeTempFolders();
});

test("a service that is slow, fails, closes, talks rubbish and loses answers gets the whole tree all the same", async () => {
  const { root, outside, receiver } = await stage("receiver.mjs", 300);
  const way = await startFaultyWay(receiver.uri, SEED);
  const agent = new Agent(agentTo({ root, uri: way.uri, sender: { timeout_sec: 1, batch_bytes: 10_000 } })).start();
  const unrest = startUnrest({ root, outside, seed: SEED + 4 });
  const faults = (count: number) =>
    waitFor(() => way.faults >= count, { timeoutMs: 40_000, what: () => `${count} faults, so far ${way.faults}` });
  await faults(10);
  await receiver.kill();
  await receiver.start();
  await faults(20);
  await unrest.stop();
  way.heal();
  await waitUntilEqual({ root, receiver, agent }, "the way has no faults any more");
});
