import { describe, expect, it } from "vitest";
import type { BusSubscription } from "../../../src/sdk/event-bus.ts";
import { keysOf, makeBus, publish, removal, takeBatch, upsert } from "../../support/test-bus.ts";

/** Resolves to whether the promise settled by itself meanwhile. */
async function isOver(promise: Promise<unknown>): Promise<boolean> {
  let over = false;
  void promise.then(() => {
    over = true;
  });
  await new Promise((resolve) => setImmediate(resolve));
  return over;
}
const { signal } = new AbortController();
/** What was raised before does not count. */
async function forgetNews(cursor: BusSubscription): Promise<void> {
  await isOver(cursor.readable(signal));
}
const DIRTY = { maxChanges: 2, maxCoalesced: 4, maxDirty: 100 };

describe("a cursor in the chain", () => {
  it("is whole when it is there from the start and the source could start where it was asked to", () => {
    for (const positionLost of [false, true]) {
      const { bus } = makeBus({}, () => ({ positionLost }));
      const early = bus.subscribe();
      expect(early.isWhole, "nothing is known yet").toBe(false);
      expect(early.start(7)).toEqual({ positionLost });
      publish(bus, upsert("/a", 1));
      expect([early.isWhole, bus.subscribe().isWhole]).toEqual([!positionLost, false]);
    }
  });

  it("takes as many bytes as asked for, to the last", () => {
    const { bus } = makeBus();
    const cursor = bus.subscribe();
    publish(bus, upsert("/a", 1), upsert("/b", 2), upsert("/c", 3));
    expect(keysOf(takeBatch(cursor, 10, 200))).toEqual(["/a", "/b"]);
  });

  it("holds the bytes of all that came together until it took the last of it", () => {
    const { bus } = makeBus();
    const cursor = bus.subscribe();
    publish(bus, upsert("/a", 1), upsert("/b", 2), upsert("/c", 3));
    takeBatch(cursor, 2);
    expect(bus.status()).toMatchObject({ heldChanges: 1, heldBytes: 300 });
    takeBatch(cursor, 1);
    expect(bus.status()).toMatchObject({ heldChanges: 0, heldBytes: 0 });
  });

  it("is not empty after a rewind nor after a loss, and wakes those who wait", async () => {
    const { bus } = makeBus();
    const cursor = bus.subscribe();
    publish(bus, upsert("/a", 1));
    takeBatch(cursor);
    await forgetNews(cursor);
    const rewound = cursor.readable(signal);
    expect(cursor.isEmpty).toBe(true);
    cursor.rewind();
    expect([cursor.isEmpty, await isOver(rewound)]).toEqual([false, true]);
    takeBatch(cursor);
    bus.reportLoss("gap");
    expect(cursor.isEmpty).toBe(false);
  });

  it("keeps nothing when it is closed, and wakes those who wait", async () => {
    const { bus } = makeBus();
    const cursor = bus.subscribe();
    publish(bus, upsert("/a", 1), upsert("/b", 2), upsert("/c", 3));
    takeBatch(cursor, 2);
    cursor.rewind();
    takeBatch(cursor, 3);
    takeBatch(cursor, 3);
    await forgetNews(cursor);
    const waiting = cursor.readable(signal);
    expect([cursor.backlog, await isOver(waiting)]).toEqual([3, false]);
    cursor.close();
    expect([cursor.backlog, await isOver(waiting)]).toEqual([0, true]);
    const other = bus.subscribe();
    publish(bus, upsert("/d", 4));
    takeBatch(other);
    other.rewind();
    other.close();
    expect(other.backlog).toBe(0);
  });
});

describe("a cursor that was cut off", () => {
  it("hands out what it kept in as many batches as it takes, and then is in the chain again", () => {
    const { bus } = makeBus({ maxChanges: 3 });
    const cursor = bus.subscribe();
    publish(bus, upsert("/flying", 0), upsert("/a", 1));
    takeBatch(cursor, 1);
    publish(bus, upsert("/b", 2), upsert("/c", 3), upsert("/d", 4));
    expect(bus.status()).toMatchObject({ overflows: 1, coalesced: 4, heldChanges: 0 });
    const batches = [takeBatch(cursor, 2), takeBatch(cursor, 1), takeBatch(cursor, 2)];
    expect(batches.map(keysOf)).toEqual([["/a", "/b"], ["/c"], ["/d"]]);
    publish(bus, upsert("/e", 5));
    expect(bus.status()).toMatchObject({ coalesced: 4, heldChanges: 1 });
  });

  it("keeps what follows an accepted batch", () => {
    const { bus } = makeBus({ maxChanges: 3 });
    const cursor = bus.subscribe();
    publish(bus, ...["/a", "/b", "/c", "/d"].map((key, i) => upsert(key, i)));
    const [first, second] = [takeBatch(cursor, 2), takeBatch(cursor, 2)];
    cursor.commit(first);
    cursor.rewind();
    expect(takeBatch(cursor)).toBe(second);
    expect(cursor.isEmpty).toBe(true);
  });

  it("has nothing to hand out when a delete outdated the rest", () => {
    const { bus } = makeBus({ maxChanges: 2 });
    const cursor = bus.subscribe();
    publish(bus, upsert("/d/a", 1), upsert("/d/b", 2), removal("/d", 3, true));
    expect(keysOf(takeBatch(cursor, 1))).toEqual(["/d"]);
    expect(cursor.take(9, 1e9)).toBeUndefined();
    publish(bus, upsert("/e", 4));
    expect(bus.status().heldChanges).toBe(1);
  });

  it("loses changes once, however many more were waiting", () => {
    const { bus } = makeBus({ maxChanges: 20, maxCoalesced: 3 });
    const cursor = bus.subscribe();
    for (let i = 0; i < 21; i++) publish(bus, upsert(`/f${i}`, i));
    expect(bus.status()).toMatchObject({ overflows: 1, losses: 1 });
    expect(cursor.take(9, 1e9)).toMatchObject({ kind: "lost" });
    expect(cursor.take(9, 1e9)).toBeUndefined();
  });
});

describe("directories to be read again", () => {
  it("wait until the last delete before them was accepted, not only one or one of an earlier batch", async () => {
    const { bus } = makeBus(DIRTY);
    const cursor = bus.subscribe();
    publish(bus, upsert("/flying", 0));
    const flying = takeBatch(cursor);
    publish(bus, removal("/x", 1, true), ...[2, 3, 4].map((i) => upsert(`/e/f${i}`, i)), upsert("/e/g", 5));
    publish(bus, removal("/y", 6));
    const [first, last] = [takeBatch(cursor, 1), takeBatch(cursor, 1)];
    expect([keysOf(first), keysOf(last)]).toEqual([["/x"], ["/y"]]);
    while (cursor.take(9, 1e9) !== undefined);
    await forgetNews(cursor);
    const waiting = cursor.readable(signal);
    cursor.commit(flying);
    cursor.commit(first);
    expect([cursor.isEmpty, await isOver(waiting)]).toEqual([true, false]);
    cursor.commit(last);
    expect([cursor.isEmpty, await isOver(waiting)]).toEqual([false, true]);
    expect(cursor.take(9, 1e9)).toEqual({ kind: "dirty", directories: ["/e"] });
  });

  it("do not wait for batches without deletes before them", () => {
    const { bus } = makeBus(DIRTY);
    const cursor = bus.subscribe();
    publish(bus, upsert("/a", 1), upsert("/b", 2), upsert("/c", 3));
    takeBatch(cursor, 1);
    for (let i = 4; i < 9; i++) publish(bus, upsert(`/e/f${i}`, i));
    expect(cursor.take(9, 1e9)).toMatchObject({ kind: "dirty" });
  });

  it("do not wait for a delete of before a loss", () => {
    const { bus } = makeBus(DIRTY);
    const cursor = bus.subscribe();
    publish(bus, removal("/x", 1, true), ...[2, 3, 4, 5].map((i) => upsert(`/e/f${i}`, i)));
    takeBatch(cursor);
    bus.reportLoss("gap");
    expect(cursor.take(9, 1e9)).toMatchObject({ kind: "lost" });
    expect(cursor.take(9, 1e9)).toBeUndefined();
    publish(bus, ...[6, 7, 8, 9, 10].map((i) => upsert(`/g/f${i}`, i)));
    expect(cursor.take(9, 1e9)).toEqual({ kind: "dirty", directories: ["/g"] });
  });
});
