/** Kills at any moment of random histories; more of them by `npm run soak` (test/soak/kills.test.ts). */
import { expect, test } from "vitest";
import { playKills } from "../support/kill-matrix.ts";

test("after kills at any moment the view becomes the disk, and a start sends only what differs", async () => {
  const seed = Number(process.env.FUSTOR_TEST_SEED ?? Math.floor(Math.random() * 1e9));
  const { kills, resumed, mostRows, entries } = await playKills({ seed, kills: 100, still: 2_000, budgetMs: 10_000 });
  console.log(JSON.stringify({ kills, resumed, mostRows }));
  expect(kills).toBeGreaterThan(0);
  expect(resumed).toBeGreaterThan(0);
  expect(mostRows).toBeLessThan(entries);
});
