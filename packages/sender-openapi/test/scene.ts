/** A tree, a receiver of examples/ and the seed of what happens to them. */
import { createTempFolder, growTree } from "../../../test/support/temp-tree.ts";
import { Receiver, type ReceiverName } from "./receivers.ts";

export const SEED = Number(process.env.FUSTOR_TEST_SEED ?? Date.now() % 1_000_000);

export async function stage(name: ReceiverName, files: number) {
  console.log(`seed ${SEED} (FUSTOR_TEST_SEED repeats it)`);
  const [root, outside] = [createTempFolder("pictured"), createTempFolder("outside")];
  growTree(root, { seed: SEED, files });
  return { root, outside, receiver: await new Receiver(name).start() };
}
