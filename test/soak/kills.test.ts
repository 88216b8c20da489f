import { expect, test } from "vitest";
import { playKills } from "../support/kill-matrix.ts";

const ASKED = Number(process.env.FUSTOR_TEST_KILLS ?? 100);

test("after a hundred kills at any moment the view becomes the disk, and starts go on from what was left", {
  timeout: 60_000 + ASKED * 15_000,
}, async () => {
  const seed = Number(process.env.FUSTOR_TEST_SEED ?? Math.floor(Math.random() * 1e9));
  const { kills, resumed, mostRows, entries } = await playKills({ seed, kills: ASKED, still: 2_000 });
  console.log(JSON.stringify({ kills, resumed, mostRows }));
  expect(kills).toBe(ASKED);
  // A run that is killed before it has noted its session costs a snapshot and the audits of a take-over.
  expect(resumed).toBeGreaterThan(0);
  expect(mostRows).toBeLessThan(entries);
});
