import { expect, test } from "vitest";
import { playKills } from "../support/kill-matrix.ts";

test("after a hundred kills at any moment the view becomes the disk, and each start goes on from what was left", async () => {
  const seed = Number(process.env.FUSTOR_TEST_SEED ?? Math.floor(Math.random() * 1e9));
  const asked = Number(process.env.FUSTOR_TEST_KILLS ?? 100);
  const { kills, resumed, mostRows, entries } = await playKills({ seed, kills: asked, still: 2_000 });
  console.log(JSON.stringify({ kills, resumed, mostRows }));
  expect(kills).toBe(asked);
  expect(resumed).toBeGreaterThan(asked / 2);
  expect(mostRows).toBeLessThan(entries);
});
