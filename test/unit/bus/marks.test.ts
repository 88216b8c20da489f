import { expect, it } from "vitest";
import { ChainBus } from "../../../src/bus/chain-bus.ts";
import type { BusBatch, BusSubscription } from "../../../src/sdk/event-bus.ts";
import type { Change } from "../../../src/sdk/index.ts";
import { VirtualClock } from "../../support/virtual-clock.ts";

const changes = (count: number): Change[] =>
  Array.from({ length: count }, (_, n) => ({
    op: "update",
    key: `/f${n}`,
    sequence: n + 1,
    isContainer: false,
    row: {},
  }));
const batch = (count: number, mark?: string) => ({
  changes: changes(count),
  sizeBytes: 10,
  lagMs: 0,
  ...(mark === undefined ? {} : { mark }),
});

function commitAll(cursor: BusSubscription): void {
  for (let taken = cursor.take(1, 1000); taken !== undefined; taken = cursor.take(1, 1000)) {
    if (taken.kind === "batch") cursor.commit(taken as BusBatch);
  }
}

const bus = (maxChanges: number) =>
  new ChainBus({ maxChanges, maxBytes: 1e6, maxDirty: 100 }, new VirtualClock(() => 0));

it("is reached by a cursor when everything before it was accepted", () => {
  const chain = bus(100);
  const [quick, slow] = [chain.subscribe(), chain.subscribe()];
  expect(quick.reached).toBeUndefined();
  chain.publish(batch(2, "one"));
  chain.publish(batch(1));
  expect(quick.reached).toBeUndefined();
  commitAll(quick);
  expect([quick.reached, slow.reached]).toEqual(["one", undefined]);
  chain.publish(batch(0, "two"));
  expect([quick.reached, slow.reached]).toEqual(["two", undefined]);
  commitAll(slow);
  expect([slow.reached, chain.subscribe().reached]).toEqual(["two", "two"]);
});

it("is not reached by a cursor that was cut off before its backlog is empty", () => {
  const chain = bus(2);
  const cursor = chain.subscribe();
  chain.publish(batch(5, "one"));
  expect(cursor.reached).toBeUndefined();
  commitAll(cursor);
  expect(cursor.reached).toBe("one");
});

it("is not reached while a loss was not told", () => {
  const chain = bus(100);
  const cursor = chain.subscribe();
  chain.publish(batch(1, "one"));
  commitAll(cursor);
  chain.reportLoss("a reason");
  expect(cursor.reached).toBeUndefined();
  cursor.take(1, 1000);
  expect(cursor.reached).toBe("one");
});
