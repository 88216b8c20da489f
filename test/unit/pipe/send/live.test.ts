import { describe, expect, it } from "vitest";
import type { ChainBus } from "../../../../src/bus/chain-bus.ts";
import { Tombstones } from "../../../../src/pipe/receiver/tombstones.ts";
import { LiveChanges, type LiveEvent, liveBatches, planItems } from "../../../../src/pipe/send/live.ts";
import type { BatchSize } from "../../../../src/pipe/send/work-item.ts";
import type { BusSubscription } from "../../../../src/sdk/event-bus.ts";
import type { Change } from "../../../../src/sdk/index.ts";
import { batchContext, liveItem, type TestContext } from "../../../support/batch-context.ts";
import { deleted, written } from "../../../support/changes.ts";
import { makeBus, publish } from "../../../support/test-bus.ts";

const planned = (changes: readonly Change[], tombstones = new Tombstones()): string[] =>
  planItems({ changes, indexes: changes.map((_, i) => 100 + i) }, tombstones).map(
    ({ change, index, lift }) => `${index} ${change.op} ${change.key}${lift ? " lifted" : ""}`,
  );

describe("which live rows need the lifting form", () => {
  it("those whose delete was sent before, once in a batch", () => {
    const tombstones = new Tombstones();
    tombstones.noteDeleted(deleted("/a"));
    expect(planned([written("/a"), written("/a"), written("/b")], tombstones)).toEqual([
      "100 update /a lifted",
      "101 update /a",
      "102 update /b",
    ]);
  });

  it("those deleted earlier in the batch, as often as they are deleted", () => {
    expect(planned([written("/a"), deleted("/a"), written("/a"), deleted("/a"), written("/a")])).toEqual([
      "100 update /a",
      "101 delete /a",
      "102 update /a lifted",
      "103 delete /a",
      "104 update /a lifted",
    ]);
  });

  it("none without a modification time", () => {
    expect(planned([deleted("/a"), { ...written("/a"), row: { path: "/a" } }])).toEqual([
      "100 delete /a",
      "101 update /a",
    ]);
  });

  it("those that follow one without a modification time, as the delete is still to be lifted", () => {
    expect(planned([deleted("/a"), { ...written("/a"), row: { path: "/a" } }, written("/a")])).toEqual([
      "100 delete /a",
      "101 update /a",
      "102 update /a lifted",
    ]);
  });

  it("an index that the bus does not name is -1", () => {
    const items = planItems({ changes: [deleted("/a"), written("/b")], indexes: [] }, new Tombstones());
    expect(items.map(({ index }) => index)).toEqual([-1, -1]);
  });
});

describe("live changes in batches", () => {
  const cut = (paths: string[], limits: Partial<BatchSize>, lift = false): string[] =>
    liveBatches(
      paths.map((path) => liveItem(written(path), 1, lift)),
      { events: 10, eventRows: 10, bytes: 1e6, ...limits },
      batchContext(),
    ).map((batch) => batch.key());

  it("have no more events than a POST may hold", () => {
    expect(cut(["/a", "/b", "/c", "/d", "/e"], { events: 2, eventRows: 1 })).toEqual(["/a, /b", "/c, /d", "/e"]);
    expect(cut(["/a", "/b", "/c", "/d", "/e"], { events: 1, eventRows: 3 })).toEqual(["/a, /b, /c", "/d, /e"]);
  });

  it("count a lifted run as the two events that it is", () => {
    expect(cut(["/a", "/b", "/c"], { events: 4, eventRows: 1 }, true)).toEqual(["/a, /b", "/c"]);
    expect(cut(["/a", "/b"], { events: 1, eventRows: 1 }, true)).toEqual(["/a", "/b"]);
  });

  it("are none when there is nothing", () => {
    expect(cut([], {})).toEqual([]);
  });
});

interface Stage {
  readonly bus: ChainBus;
  readonly subscription: BusSubscription;
  readonly live: LiveChanges;
  readonly events: LiveEvent[];
  readonly context: TestContext;
}

function stageOf(knowsTombstones = true, limits: Partial<BatchSize> = {}, maxChanges = 1_000): Stage {
  const { bus } = makeBus({ maxChanges, maxCoalesced: 2, maxDirty: 5 });
  const subscription = bus.subscribe();
  const events: LiveEvent[] = [];
  const context = batchContext();
  const live = new LiveChanges({
    bus: subscription,
    limits: { events: 2, eventRows: 2, bytes: 1e6, ...limits },
    context,
    knowsTombstones,
    emit: (event) => events.push(event),
  });
  subscription.start(-1);
  return { bus, subscription, live, events, context };
}

describe("live changes as work", () => {
  it("are as many as a POST may hold, and nothing when there are none", () => {
    const { bus, live } = stageOf();
    expect(live.next()).toBeUndefined();
    publish(bus, ...["/a", "/b", "/c", "/d", "/e"].map((path, i) => written(path, i)));
    expect(live.next()?.batches.map((batch) => batch.key())).toEqual(["/a, /b, /c, /d"]);
    expect(live.next()?.batches.map((batch) => batch.key())).toEqual(["/e"]);
  });

  it("have no more bytes than a POST may hold", () => {
    const { bus, live } = stageOf(true, { bytes: 250 });
    for (let i = 0; i < 3; i++) publish(bus, written(`/${i}`, i));
    expect(live.next()?.batches.map((batch) => batch.key())).toEqual(["/0, /1"]);
  });

  it("are committed and reported when they were delivered, and are not cancelled before", () => {
    const { bus, live, subscription, events } = stageOf();
    publish(bus, written("/a"));
    const item = live.next();
    expect([item?.isCancelled(), subscription.backlog, events.length]).toEqual([false, 1, 0]);
    item?.delivered();
    expect([subscription.backlog, events.map(({ kind }) => kind)]).toEqual([0, ["changes delivered"]]);
    expect(events[0]).toMatchObject({ batch: { changes: [{ key: "/a" }] } });
  });

  it("are shown to those who look on, each time that they are taken", () => {
    const { bus, subscription, context } = stageOf();
    const taken: string[] = [];
    const live = new LiveChanges({
      bus: subscription,
      limits: { events: 9, eventRows: 9, bytes: 1e6 },
      context,
      knowsTombstones: true,
      emit: () => undefined,
      onTaken: (changes) => taken.push(changes.map(({ key }) => key).join(" ")),
    });
    publish(bus, written("/a"), written("/b"));
    live.next()?.abandoned();
    subscription.rewind();
    live.next();
    expect(taken).toEqual(["/a /b", "/a /b"]);
  });

  it("that were given up come again after a rewind", () => {
    const { bus, live, subscription, events } = stageOf();
    publish(bus, written("/a"));
    live.next()?.abandoned();
    expect([events, live.next()]).toEqual([[], undefined]);
    subscription.rewind();
    expect(live.next()?.batches[0]?.key()).toBe("/a");
  });

  it.each([
    [true, ["realtime", "snapshot", "realtime"]],
    [false, ["realtime", "realtime"]],
  ])("are lifted only where the schema knows tombstones (%s)", (knows, sources) => {
    const { bus, live } = stageOf(knows, { events: 9 });
    publish(bus, deleted("/a", 1), written("/a", 2));
    const batches = live.next()?.batches ?? [];
    expect(batches.map((batch) => batch.key())).toEqual(["/a, /a"]);
    expect(batches[0]?.envelope().events.map(({ messageSource }) => messageSource)).toEqual(sources);
  });

  it("carry the index that the bus gave them", () => {
    const { bus, live, subscription } = stageOf(false);
    publish(bus, written("/a"));
    const item = live.next();
    const index = item?.batches[0]?.envelope().events[0]?.index;
    item?.delivered();
    expect(index).toBe(subscription.committedIndex);
  });

  it("that were lost are reported, and what comes after them goes on", () => {
    const { bus, live, events } = stageOf();
    bus.reportLoss("the queue ran over");
    publish(bus, written("/a"));
    expect(live.next()?.batches[0]?.key()).toBe("/a");
    expect(events).toEqual([{ kind: "changes lost", reason: "the queue ran over" }]);
  });

  it("of which only the directories are known are reported so", () => {
    const { bus, live, events } = stageOf(true, {}, 2);
    for (let i = 0; i < 6; i++) publish(bus, written(`/d/${i}`, i));
    live.next();
    expect(events).toEqual([{ kind: "directories lost", directories: ["/d"] }]);
  });
});
