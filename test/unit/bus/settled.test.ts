/** What a source may forget: batches that the receivers of all cursors have accepted. */
import { describe, expect, it } from "vitest";
import { type BusLimits, EventBus } from "../../../src/bus/event-bus.ts";
import { publish, TestClock, takeBatch, upsert } from "../../support/test-bus.ts";

describe("what is settled", () => {
  function settlingBus(limits: Partial<BusLimits> = {}): { bus: EventBus; settled: number[] } {
    const settled: number[] = [];
    const all = { maxChanges: 1_000, maxBytes: 1e9, ...limits };
    const bus = new EventBus(all, new TestClock(), undefined, ({ sequence }) => settled.push(sequence));
    return { bus, settled };
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
});
