import { mkdirSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { makeOddNames } from "../support/odd-entries.ts";
import { PATIENCE } from "../support/patience.ts";
import { createRealFusion } from "../support/real-fusion.ts";
import { sayAsStranger } from "../support/stranger.ts";
import { growTree } from "../support/temp-tree.ts";
import { CALM, verifyStage } from "../support/verify-stage.ts";

const SETTLE = `--settle=${10 * PATIENCE}`;

function prepare(root: string): void {
  makeOddNames(root);
  growTree(join(root, "grown"), { seed: 1, files: 3000, filesPerDirectory: 30 });
  mkdirSync(join(root, "many"));
  for (let at = 0; at < 6000; at++) writeFileSync(join(root, "many", `${at}`), "");
  writeFileSync(join(root, "old"), "");
  utimesSync(join(root, "old"), 1000, 1000.25);
}

test("the real Fusion's view is compared as ours is, what differs is named, and --repair mends it", async () => {
  const stage = await verifyStage(await createRealFusion(CALM), { prepare });
  const equal = await stage.verify(SETTLE);
  expect({ code: equal.code, differences: equal.differences, stderr: equal.stderr }).toEqual({
    code: 0,
    differences: {},
    stderr: "",
  });
  expect(equal.summary.entries).toBe(await stage.fusion.view.itemCount());
  const ghosts = ["/many/ghost", "/g1/g2/g3"];
  await sayAsStranger(stage.fusion.receiver, { files: [...ghosts, "/many/7"], deleted: ["/old", "/grown/d1"] });
  const broken = await stage.verify("--settle=2");
  expect(broken.code).toBe(2);
  expect(broken.differences).toMatchObject({
    "/many/ghost": "ghost",
    "/g1": "ghost",
    "/g1/g2": "ghost",
    "/g1/g2/g3": "ghost",
    "/many/7": "size",
    "/old": "missing",
    "/grown/d1": "missing",
  });
  const repaired = await stage.verify("--repair", `--settle=${2 * PATIENCE}`);
  expect({ code: repaired.code, stderr: repaired.stderr }).toEqual({ code: 0, stderr: "" });
  rmSync(join(stage.root, "grown"), { recursive: true });
  expect((await stage.verify(SETTLE)).differences).toEqual({});
});

test("Fusion 0.8.17 takes the push key for reading, when the view is named", async () => {
  const fusion = await createRealFusion(CALM);
  const stage = await verifyStage(fusion, { query: { endpoint: fusion.viewUrl, view: "unified-view" }, prepare });
  expect(await stage.verify(SETTLE)).toMatchObject({ code: 0, differences: {} });
});
