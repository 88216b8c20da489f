import { expect, it } from "vitest";
import { UnsettledChanges } from "../../../src/bus/unsettled-changes.ts";
import type { Change } from "../../../src/sdk/index.ts";

const changeAt = (n: number): Change => ({ op: "update", key: `/${n}`, row: {}, sequence: n, isContainer: false });

it("reports the newest of what was settled, once", () => {
  const settled: number[] = [];
  const unsettled = new UnsettledChanges(({ sequence }) => settled.push(sequence));
  for (const n of [1, 2, 3]) unsettled.add(changeAt(n), n * 10);
  unsettled.settle(9);
  expect(settled).toEqual([]);
  unsettled.settle(25);
  unsettled.settle(25);
  expect(settled).toEqual([2]);
  unsettled.settle(30);
  expect(settled).toEqual([2, 3]);
  expect(unsettled.isEmpty).toBe(true);
});

it("keeps nothing when nobody wants to know", () => {
  const unsettled = new UnsettledChanges(undefined);
  unsettled.add(changeAt(1), 1);
  expect(unsettled.isEmpty).toBe(true);
});

it("forgets some while a receiver is away for long, and still reports nothing too early and the newest in the end", () => {
  const settled: number[] = [];
  const unsettled = new UnsettledChanges(({ sequence }) => settled.push(sequence));
  for (let n = 1; n <= 50_000; n++) unsettled.add(changeAt(n), n);
  unsettled.settle(30_000);
  expect(settled[0]).toBeLessThanOrEqual(30_000);
  expect(settled[0]).toBeGreaterThan(29_980);
  unsettled.settle(50_000);
  expect(settled[1]).toBe(50_000);
});
