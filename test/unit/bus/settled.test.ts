/** What a source may forget: batches that the receivers of all cursors have accepted. */
import { describe, expect, it } from "vitest";
import { ChainBus } from "../../../src/bus/chain-bus.ts";
import type { BusLimits } from "../../../src/sdk/event-bus.ts";
import { publish, TestClock, takeBatch, upsert } from "../../support/test-bus.ts";

describe("what is settled", () => {
  class TimerClock extends TestClock {
    readonly timers = new Set<() => void>();
    override setTimer = (_delayMs?: number, callback: () => void = () => undefined): (() => void) => {
      this.timers.add(callback);
      return () => this.timers.delete(callback);
    };
  }

  function settlingBus(limits: Partial<BusLimits> = {}) {
    const settled: number[] = [];
    const all = { maxChanges: 1_000, maxBytes: 1e9, ...limits };
    const clock = new TimerClock();
    const bus = new ChainBus(all, clock, undefined, ({ sequence }) => settled.push(sequence));
    return { bus, settled, timers: clock.timers };
  }

  it("is a batch of the source once every cursor has all of it accepted", () => {
    const { bus, settled } = settlingBus();
    const [one, other] = [bus.subscribe(), bus.subscribe()];
    publish(bus, upsert("/a", 1), upsert("/b", 2));
    publish(bus, upsert("/c", 3));
    one.commit(takeBatch(one));
    expect(settled).toEqual([]);
    other.commit(takeBatch(other, 1));
    expect(settled).toEqual([]);
    other.commit(takeBatch(other, 1));
    expect(settled).toEqual([2]);
    other.commit(takeBatch(other));
    expect(settled).toEqual([2, 3]);
  });

  it("is nothing that was handed out again after a rewind and not accepted yet", () => {
    const { bus, settled } = settlingBus();
    const cursor = bus.subscribe();
    publish(bus, upsert("/a", 1));
    takeBatch(cursor);
    cursor.rewind();
    publish(bus, upsert("/b", 2));
    cursor.commit(takeBatch(cursor));
    expect(settled).toEqual([1]);
    cursor.commit(takeBatch(cursor));
    expect(settled).toEqual([1, 2]);
  });

  it("is nothing of a cursor that was cut off before the last of its keys is accepted", () => {
    const { bus, settled } = settlingBus({ maxChanges: 2 });
    const cursor = bus.subscribe();
    publish(bus, upsert("/a", 1), upsert("/b", 2), upsert("/c", 3));
    cursor.commit(takeBatch(cursor, 2));
    expect(settled).toEqual([]);
    cursor.commit(takeBatch(cursor, 2));
    expect(settled).toEqual([3]);
  });

  it("is also what a cursor has lost, though no change follows: the source may wait for that", () => {
    const { bus, settled } = settlingBus({ maxChanges: 1, maxCoalesced: 1 });
    bus.subscribe();
    publish(bus, upsert("/a", 1), upsert("/b", 2));
    expect(settled).toEqual([2]);
  });

  it("is what a cursor has lost only when what it handed out before is accepted", () => {
    const { bus, settled } = settlingBus({ maxChanges: 1, maxCoalesced: 1 });
    const cursor = bus.subscribe();
    publish(bus, upsert("/a", 1));
    const batch = takeBatch(cursor);
    publish(bus, upsert("/b", 2), upsert("/c", 3));
    expect(settled).toEqual([]);
    cursor.commit(batch);
    expect(settled).toEqual([3]);
  });

  it("waits a while for a cursor that was closed, and then no longer, though no other one commits any more", () => {
    const { bus, settled, timers } = settlingBus();
    const [slow, other] = [bus.subscribe(), bus.subscribe()];
    publish(bus, upsert("/a", 1));
    slow.close();
    other.commit(takeBatch(other));
    expect(settled).toEqual([]);
    for (const over of timers) over();
    expect(settled).toEqual([1]);
  });

  it("is nothing when the last cursor is closed, and no timer is left", () => {
    const { bus, settled, timers } = settlingBus();
    const [one, other] = [bus.subscribe(), bus.subscribe()];
    publish(bus, upsert("/a", 1));
    one.close();
    expect(timers.size).toBe(1);
    other.close();
    expect(timers.size).toBe(0);
    expect(settled).toEqual([]);
  });
});
