import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { BusBatch } from "../../../src/sdk/event-bus.ts";
import type { Change } from "../../../src/sdk/index.ts";
import { keysOf, makeBus, publish, removal, takeBatch, upsert } from "../../support/test-bus.ts";

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe("a cursor", () => {
  it("gets every change of a burst with one wall clock time, in order, across batches", () => {
    const { bus } = makeBus();
    const subscription = bus.subscribe();
    const keys = Array.from({ length: 250 }, (_, i) => `/f${i}`);
    publish(bus, ...keys.slice(0, 130).map((key, i) => upsert(key, i)));
    publish(bus, ...keys.slice(130).map((key, i) => upsert(key, i)));
    const batches = [100, 100, 100].map((size) => takeBatch(subscription, size));
    expect(batches.flatMap(keysOf)).toEqual(keys);
    expect(subscription.take(100, 1e9)).toBeUndefined();
  });

  it("knows since when its oldest change waits, until that was committed", () => {
    const { bus, clock } = makeBus();
    const subscription = bus.subscribe();
    const begin = clock.wall;
    expect(subscription.oldestEnteredAt).toBeUndefined();
    publish(bus, upsert("/a", 1), upsert("/b", 2));
    clock.wall += 1000;
    publish(bus, upsert("/c", 3));
    expect(subscription.oldestEnteredAt).toBe(begin);
    const first = takeBatch(subscription, 2);
    expect(subscription.oldestEnteredAt).toBe(begin);
    subscription.rewind();
    expect(subscription.oldestEnteredAt).toBe(begin);
    expect(takeBatch(subscription, 2)).toEqual(first);
    subscription.commit(first);
    expect(subscription.oldestEnteredAt).toBe(begin + 1000);
    subscription.commit(takeBatch(subscription));
    expect(subscription.oldestEnteredAt).toBeUndefined();
  });

  it("that was cut off waits since its oldest change came", () => {
    const { bus, clock } = makeBus({ maxChanges: 2 });
    const subscription = bus.subscribe();
    const begin = clock.wall;
    for (const name of ["a", "b", "c"]) {
      publish(bus, upsert(`/${name}`, 1));
      clock.wall += 1000;
    }
    expect(subscription.oldestEnteredAt).toBe(begin);
    subscription.commit(takeBatch(subscription));
    expect(subscription.oldestEnteredAt).toBeUndefined();
  });

  it("gets changes although the clock steps back, with indexes that never do", () => {
    const { bus, clock } = makeBus();
    const subscription = bus.subscribe();
    publish(bus, upsert("/a", 1));
    clock.wall -= 3_600_000;
    publish(bus, upsert("/b", 2), upsert("/c", 3));
    const { indexes } = takeBatch(subscription);
    expect(indexes).toHaveLength(3);
    expect(new Set(indexes).size).toBe(3);
    expect([...indexes].sort((a, b) => a - b)).toEqual(indexes);
  });

  it("sees nothing that was published before it", () => {
    const { bus } = makeBus();
    publish(bus, upsert("/old", 1));
    const subscription = bus.subscribe();
    expect(subscription.take(10, 1e9)).toBeUndefined();
    expect(subscription.backlog).toBe(0);
  });

  it("gets the same batches again after a rewind, and only those that were not committed", () => {
    const { bus } = makeBus();
    const subscription = bus.subscribe();
    publish(bus, ...["/a", "/b", "/c", "/d"].map((key, i) => upsert(key, i)));
    subscription.commit(takeBatch(subscription, 1));
    const second = takeBatch(subscription, 2);
    const third = takeBatch(subscription, 1);
    expect(subscription.backlog).toBe(3);
    subscription.rewind();
    expect(subscription.backlog).toBe(3);
    expect(takeBatch(subscription)).toBe(second);
    expect(takeBatch(subscription)).toBe(third);
    subscription.commit(second);
    subscription.commit(third);
    expect(subscription.backlog).toBe(0);
    expect(subscription.isEmpty).toBe(true);
  });

  it("gets no more bytes than asked for, but at least one change", () => {
    const { bus } = makeBus();
    const subscription = bus.subscribe();
    publish(bus, ...["/a", "/b", "/c"].map((key, i) => upsert(key, i)));
    expect(keysOf(takeBatch(subscription, 10, 250))).toEqual(["/a", "/b"]);
    expect(keysOf(takeBatch(subscription, 10, 1))).toEqual(["/c"]);
  });

  it("is woken by a change, a loss, a changed feed and an abort", async () => {
    const { bus } = makeBus();
    const subscription = bus.subscribe();
    const abort = new AbortController();
    for (const cause of [
      () => publish(bus, upsert("/a", 1)),
      () => bus.reportLoss("gap"),
      () => bus.setFeed({ state: "live" }),
      () => abort.abort(),
    ]) {
      const woken = subscription.readable(abort.signal);
      cause();
      await woken;
      while (subscription.take(10, 1e9) !== undefined);
    }
    expect(subscription.take(10, 1e9)).toBeUndefined();
  });

  it("gets the same batch again after each rewind", () => {
    const { bus } = makeBus();
    const subscription = bus.subscribe();
    publish(bus, upsert("/a", 1));
    const first = takeBatch(subscription);
    for (let turn = 0; turn < 3; turn++) {
      subscription.rewind();
      expect(takeBatch(subscription)).toBe(first);
    }
  });

  it("waits while there is nothing, an empty batch included, and neither while there is something nor once it is closed", async () => {
    const { bus } = makeBus();
    const subscription = bus.subscribe();
    const { signal } = new AbortController();
    let woken = false;
    const waiting = subscription.readable(signal).then(() => {
      woken = true;
    });
    publish(bus);
    await nextTurn();
    expect(woken).toBe(false);
    publish(bus, upsert("/a", 1), upsert("/b", 2));
    await waiting;
    takeBatch(subscription, 1);
    await subscription.readable(signal);
    takeBatch(subscription, 1);
    subscription.close();
    await subscription.readable(signal);
    await subscription.readable(signal);
  });

  it("that joins a stream has lost its position when it is behind what was told last", () => {
    const { bus } = makeBus();
    publish(bus, upsert("/a", 1));
    bus.setFeed({ state: "live" });
    const { lastIndex } = bus.status();
    const subscription = bus.subscribe();
    const lost = [lastIndex - 1, lastIndex, lastIndex + 1].map((at) => subscription.start(at).positionLost);
    expect(lost).toEqual([true, false, false]);
  });

  it("that joins a stream holds a position of the source's own only from the stream's beginning", () => {
    const begins = { positionLost: false, position: "p" };
    const { bus } = makeBus({}, (_, position) => {
      bus.beginsAt(position);
      bus.setFeed({ state: "live" });
      return begins;
    });
    const [first, second, third] = [bus.subscribe(), bus.subscribe(), bus.subscribe()];
    expect(first.start(-1, "p")).toEqual(begins);
    expect([second.start(-1, "p").positionLost, third.start(-1, "q").positionLost]).toEqual([false, true]);
    publish(bus, { ...upsert("/a", 1), position: "q" });
    expect([bus.subscribe().start(-1, "p").positionLost, bus.subscribe().start(5e12).positionLost]).toEqual([
      true,
      true,
    ]);
  });

  it("tells the newest position of what it hands out, of a backlog only with its end", () => {
    const at = (key: string, n: number) => ({ ...upsert(key, n), position: `p${n}` });
    const { bus } = makeBus({ maxChanges: 4 });
    const subscription = bus.subscribe();
    publish(bus, upsert("/a", 1), at("/b", 2), upsert("/c", 3));
    publish(bus, at("/d", 4));
    expect(takeBatch(subscription, 1).position).toBeUndefined();
    expect(takeBatch(subscription, 2).position).toBe("p2");
    publish(bus, ...[5, 6, 7, 8, 9].map((n) => at(`/${n}`, n)));
    const positions = [takeBatch(subscription, 3), takeBatch(subscription, 3)].map(({ position }) => position);
    expect(positions).toEqual([undefined, "p9"]);
    publish(bus, at("/e", 10));
    expect(takeBatch(subscription).position).toBe("p10");
  });

  it("counts as committed an index that every later change exceeds", () => {
    const { bus } = makeBus();
    const subscription = bus.subscribe();
    const before = subscription.committedIndex;
    publish(bus, upsert("/a", 1));
    const batch = takeBatch(subscription);
    expect(batch.indexes[0]).toBeGreaterThan(before);
    subscription.commit(batch);
    expect(subscription.committedIndex).toBe(batch.indexes[0]);
  });
});

describe("a full bus", () => {
  it("cuts off only the cursor that lags", () => {
    const { bus } = makeBus({ maxChanges: 10 });
    const slow = bus.subscribe();
    const fast = bus.subscribe();
    for (let i = 0; i < 30; i++) {
      publish(bus, upsert(`/f${i % 3}`, i));
      expect(keysOf(takeBatch(fast))).toEqual([`/f${i % 3}`]);
    }
    expect(bus.status()).toMatchObject({ overflows: 1, losses: 0, heldChanges: 0 });
    expect(slow.backlog).toBe(3);
    expect(takeBatch(slow).changes.map(({ sequence }) => sequence)).toEqual([27, 28, 29]);
  });

  it("leaves every change to a cursor that does not lag at the moment at which another one is cut off", () => {
    const { bus } = makeBus({ maxChanges: 10 });
    const slow = bus.subscribe();
    const fast = bus.subscribe();
    for (let i = 0; i < 8; i++) publish(bus, upsert("/same", i));
    takeBatch(fast);
    for (let i = 8; i < 12; i++) publish(bus, upsert("/same", i));
    expect(bus.status()).toMatchObject({ overflows: 1, heldChanges: 4 });
    expect(takeBatch(fast).changes.map(({ sequence }) => sequence)).toEqual([8, 9, 10, 11]);
    expect(takeBatch(slow).changes.map(({ sequence }) => sequence)).toEqual([11]);
  });

  it("tells what it holds for the slowest cursor, and nothing without one", () => {
    const { bus } = makeBus();
    publish(bus, upsert("/before", 0));
    expect(bus.status()).toMatchObject({ subscribers: 0, heldChanges: 0, heldBytes: 0 });
    const slow = bus.subscribe();
    const fast = bus.subscribe();
    for (let i = 1; i <= 3; i++) publish(bus, upsert("/f", i));
    takeBatch(fast);
    expect(bus.status()).toMatchObject({ subscribers: 2, heldChanges: 3, heldBytes: 300 });
    slow.close();
    expect(bus.status()).toMatchObject({ subscribers: 1, heldChanges: 0 });
  });

  it("is full by bytes as well, and neither by as much as it may hold", () => {
    const { bus } = makeBus({ maxBytes: 1_000, maxChanges: 11 });
    bus.subscribe();
    for (let i = 0; i < 10; i++) publish(bus, upsert("/f", i));
    expect(bus.status()).toMatchObject({ overflows: 0, coalesced: 0 });
    publish(bus, upsert("/f", 10));
    expect(bus.status().overflows).toBe(1);
    publish(bus, upsert("/f", 11));
    // Eleven changes of one key became one, and the next replaced it.
    expect(bus.status().coalesced).toBeGreaterThan(0);
  });

  it("leaves nothing out for a source each of whose changes counts: the cursor that lags loses them and says so", () => {
    const { bus } = makeBus({ maxChanges: 5, maxDirty: 100, lastStateIsEnough: false });
    const [slow, fast] = [bus.subscribe(), bus.subscribe()];
    const seen: number[] = [];
    for (let i = 1; i <= 6; i++) {
      publish(bus, upsert("/a", i));
      const batch = takeBatch(fast);
      fast.commit(batch);
      seen.push(...batch.changes.map(({ sequence }) => sequence));
    }
    expect(seen).toEqual([1, 2, 3, 4, 5, 6]);
    expect(slow.take(10, 1e9)).toMatchObject({ kind: "lost", reason: expect.stringContaining("each of them counts") });
    expect(bus.status()).toMatchObject({ coalesced: 0, losses: 1, collapses: 0 });
    publish(bus, upsert("/a", 7));
    expect(takeBatch(slow).changes.map(({ sequence }) => sequence)).toEqual([7]);
  });

  it("keeps a new row an insert until it is sent, whatever happens to it meanwhile", () => {
    const { bus } = makeBus({ maxChanges: 3 });
    const subscription = bus.subscribe();
    const insert = (key: string, sequence: number): Change => ({ ...upsert(key, sequence), op: "insert" });
    publish(bus, insert("/new", 1), upsert("/new", 2), removal("/back", 3), insert("/back", 4), upsert("/old", 5));
    publish(bus, insert("/gone", 6), removal("/gone", 7));
    const changes = takeBatch(subscription).changes.map(({ op, key, sequence }) => `${op} ${key} ${sequence}`);
    expect(changes).toEqual(["delete /gone 7", "insert /new 2", "update /back 4", "update /old 5"]);
  });

  it("is never full for cursors that keep up, however much went through it", () => {
    const { bus } = makeBus({ maxBytes: 1_000, maxChanges: 10 });
    const subscription = bus.subscribe();
    for (let i = 0; i < 100; i++) {
      publish(bus, upsert("/f", i));
      takeBatch(subscription);
    }
    expect(bus.status()).toMatchObject({ overflows: 0, heldChanges: 0, heldBytes: 0 });
  });

  it("leaves a batch that is in flight as it is, gives it out again first, and numbers what follows higher", () => {
    const { bus } = makeBus({ maxChanges: 5 });
    const subscription = bus.subscribe();
    publish(bus, upsert("/a", 1));
    const inFlight = takeBatch(subscription);
    for (let i = 2; i < 20; i++) publish(bus, upsert("/a", i));
    subscription.rewind();
    expect(takeBatch(subscription)).toBe(inFlight);
    const rest = takeBatch(subscription);
    expect(rest.changes.map(({ sequence }) => sequence)).toEqual([19]);
    expect(rest.indexes[0]).toBeGreaterThan(bus.status().lastIndex - 1);
    publish(bus, upsert("/b", 20));
    expect(takeBatch(subscription).indexes[0]).toBeGreaterThan(rest.indexes[0] as number);
  });

  it("says once that changes are lost when even the last states are too many, and goes on", () => {
    const { bus } = makeBus({ maxChanges: 5, maxCoalesced: 8 });
    const subscription = bus.subscribe();
    for (let i = 0; i < 9; i++) publish(bus, upsert(`/f${i}`, i));
    expect(subscription.take(10, 1e9)).toMatchObject({ kind: "lost" });
    expect(subscription.take(10, 1e9)).toBeUndefined();
    publish(bus, upsert("/after", 10));
    expect(keysOf(takeBatch(subscription))).toEqual(["/after"]);
    expect(bus.status()).toMatchObject({ overflows: 1, losses: 1 });
  });

  it("names once the directories of all that it could not keep, a directory before those in it, and goes on", () => {
    const { bus } = makeBus({ maxChanges: 5, maxCoalesced: 8, maxDirty: 10 });
    const subscription = bus.subscribe();
    publish(bus, upsert("/new", 1, true), upsert("/new/in", 2, true), removal("/old", 3, true), removal("/a/gone", 4));
    for (let i = 5; i < 12; i++) publish(bus, upsert(`/b/f${i}`, i));
    expect(subscription.isEmpty).toBe(false);
    publish(bus, upsert("/after", 20));
    // The delete of a directory is kept; nothing is read from the disk before the receiver accepted it.
    const first = takeBatch(subscription);
    expect(first.changes.slice(0, 1)).toMatchObject([{ op: "delete", key: "/old" }]);
    expect(keysOf(first)).toContain("/after");
    expect(subscription.isEmpty).toBe(true);
    expect(subscription.take(10, 1e9)).toBeUndefined();
    subscription.commit(first);
    expect(subscription.isEmpty).toBe(false);
    expect(subscription.take(10, 1e9)).toEqual({ kind: "dirty", directories: ["/a", "/b", "/new", "/new/in"] });
    expect(subscription.take(10, 1e9)).toBeUndefined();
    expect(bus.status()).toMatchObject({ overflows: 1, collapses: 1, losses: 0 });
  });

  it("sends the delete of a directory before the directory that was made in its place, however much is not kept", () => {
    const { bus } = makeBus({ maxChanges: 2, maxCoalesced: 4, maxDirty: 100 });
    const subscription = bus.subscribe();
    publish(bus, removal("/d/again", 1, true));
    for (let i = 2; i < 12; i++) publish(bus, upsert(`/e/f${i}`, i));
    publish(bus, upsert("/d/again", 12, true));
    const sent = takeBatch(subscription).changes.filter(({ key }) => key === "/d/again");
    expect(sent.map(({ op }) => op)).toEqual(["delete", "update"]);
  });

  it("says that changes are lost when the deletes of directories alone are too many, and names none", () => {
    const { bus } = makeBus({ maxChanges: 2, maxCoalesced: 4, maxDirty: 100 });
    const subscription = bus.subscribe();
    for (let i = 0; i < 6; i++) publish(bus, upsert(`/e/f${i}`, i));
    for (let i = 6; i < 9; i++) publish(bus, removal(`/d${i}`, i, true));
    expect(subscription.take(10, 1e9)).toMatchObject({ kind: "lost" });
    expect(subscription.take(10, 1e9)).toBeUndefined();
    expect(bus.status()).toMatchObject({ losses: 1 });
  });

  it("names the directories of everything that waits in the chain, and keeps what is in flight", () => {
    const { bus } = makeBus({ maxChanges: 20, maxCoalesced: 3, maxDirty: 100 });
    const subscription = bus.subscribe();
    publish(bus, upsert("/flying/f", 1));
    const inFlight = takeBatch(subscription);
    for (let i = 0; i < 21; i++) publish(bus, upsert(`/d${i}/f`, i));
    subscription.rewind();
    expect(takeBatch(subscription)).toBe(inFlight);
    const taken = subscription.take(30, 1e9);
    const directories = taken?.kind === "dirty" ? taken.directories : [];
    // The last three are kept one by one.
    const rest = keysOf(takeBatch(subscription)).map((key) => key.replace(/\/f$/, ""));
    expect([...directories, ...rest].sort()).toEqual(Array.from({ length: 21 }, (_, i) => `/d${i}`).sort());
  });

  it("says that changes are lost when their directories are too many or cannot be told, and names none", () => {
    for (const [maxDirty, key] of [
      [5, "/d"],
      [100, "no path "],
    ] as const) {
      const { bus } = makeBus({ maxChanges: 5, maxCoalesced: 8, maxDirty });
      const subscription = bus.subscribe();
      for (let i = 0; i < 9; i++) publish(bus, upsert(key === "/d" ? `/d${i}/f` : `${key}${i}`, i));
      expect(subscription.take(10, 1e9)).toMatchObject({ kind: "lost" });
      expect(subscription.take(10, 1e9)).toBeUndefined();
      expect(bus.status()).toMatchObject({ collapses: 0, losses: 1 });
    }
  });
});

/** What a receiver holds after these changes: deletes take everything below with them. */
function applied(changes: readonly Change[], start: ReadonlyMap<string, number>): Map<string, number> {
  const view = new Map(start);
  for (const change of changes) {
    if (change.op !== "delete") {
      view.set(change.key, change.sequence);
      continue;
    }
    for (const key of [...view.keys()]) if (key === change.key || key.startsWith(`${change.key}/`)) view.delete(key);
  }
  return view;
}

const names = fc.constantFrom("a", "b");
const anyKey = fc.array(names, { minLength: 1, maxLength: 4 }).map((parts) => `/${parts.join("/")}`);

describe("whatever happens", () => {
  it("a receiver that gets what the cursor hands out ends as if it had got every change", () => {
    const step = fc.oneof(
      fc.record({ kind: fc.constant("change" as const), key: anyKey, deletes: fc.boolean() }),
      fc.record({ kind: fc.constant("take" as const), size: fc.integer({ min: 1, max: 6 }) }),
      fc.record({ kind: fc.constant("rewind" as const) }),
      fc.record({ kind: fc.constant("commit" as const) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
        const { bus } = makeBus({ maxChanges: 4 });
        const subscription = bus.subscribe();
        // Keys that hold something below them are directories; a delete takes what is below, as the source says it does.
        const start = new Map(["/a", "/a/a", "/a/b", "/a/a/a", "/b"].map((key) => [key, 0]));
        const all: Change[] = [];
        const received: Change[] = [];
        const outstanding: BusBatch[] = [];
        let sequence = 0;
        const receive = (size: number): void => {
          const taken = subscription.take(size, 1e9);
          if (taken?.kind !== "batch") return;
          outstanding.push(taken);
          received.push(...taken.changes);
        };
        for (const next of steps) {
          if (next.kind === "change") {
            const change = next.deletes ? removal(next.key, ++sequence, true) : upsert(next.key, ++sequence, false);
            all.push(change);
            publish(bus, change);
          } else if (next.kind === "take") receive(next.size);
          else if (next.kind === "rewind") {
            subscription.rewind();
            outstanding.length = 0;
          } else {
            const batch = outstanding.shift();
            if (batch !== undefined) subscription.commit(batch);
          }
        }
        while (!subscription.isEmpty) receive(3);
        expect(applied(received, start)).toEqual(applied(all, start));
      }),
    );
  });
});
