/** The contract of an event bus, rule by rule: what pipes and sources rely on, whatever the bus keeps its changes in. */
import type { Change } from "../changes.ts";
import type { BusBatch, BusSubscription, CreateEventBus, EventBus, EventBusSettings } from "../event-bus.ts";
import { type ContractCheck, demand, demandEqual, soon } from "./contract-check.ts";

interface Scene {
  readonly bus: EventBus;
  readonly settled: readonly string[];
  /** What the feed was opened with. */
  readonly opened: readonly unknown[];
}

type Play = (scene: Scene) => Promise<void> | void;

const MOST = 1_000_000;

const change = (key: string, sequence: number, position?: string): Change => ({
  ...{ op: "update", key, row: { path: key, n: sequence }, sequence, isContainer: false },
  ...(position === undefined ? {} : { position }),
});

const publish = (bus: EventBus, ...changes: readonly Change[]): void =>
  bus.publish({ changes, sizeBytes: changes.length * 100, lagMs: 0 });

function batchOf(subscription: BusSubscription, most = MOST): BusBatch {
  const taken = subscription.take(most, MOST);
  demand(taken?.kind === "batch", `take returned ${JSON.stringify(taken)} and no batch`);
  return taken;
}

function keysLeft(subscription: BusSubscription): readonly string[] {
  const keys: string[] = [];
  for (let taken = subscription.take(MOST, MOST); taken !== undefined; taken = subscription.take(MOST, MOST)) {
    demand(taken.kind === "batch", `take returned "${taken.kind}" although nothing was lost`);
    keys.push(...taken.changes.map(({ key }) => key));
  }
  return keys;
}

const ORDER: Play = ({ bus }) => {
  const [one, other] = [bus.subscribe(), bus.subscribe()];
  publish(bus, change("/a", 1), change("/b", 2));
  publish(bus, change("/a", 3));
  for (const cursor of [one, other]) demandEqual(keysLeft(cursor), ["/a", "/b", "/a"], "the changes of a cursor");
  demandEqual([one.isEmpty, other.take(1, MOST)], [true, undefined], "what is left then");
};

const LATER: Play = ({ bus }) => {
  publish(bus, change("/before", 1));
  const cursor = bus.subscribe();
  publish(bus, change("/after", 2));
  demandEqual(keysLeft(cursor), ["/after"], "the changes of a cursor that was made later");
};

const INDEXES: Play = ({ bus }) => {
  const cursor = bus.subscribe();
  const first = cursor.committedIndex;
  for (let n = 0; n < 5; n++) publish(bus, change(`/${n}`, n), change("/x", n));
  const indexes: number[] = [];
  const tickets: number[] = [];
  while (!cursor.isEmpty) {
    const batch = batchOf(cursor, 3);
    demand(batch.changes.length <= 3, "a batch holds more changes than were asked for");
    demandEqual(batch.indexes.length, batch.changes.length, "the count of indexes");
    indexes.push(...batch.indexes);
    tickets.push(batch.ticket);
  }
  const grows = (values: readonly number[]): boolean =>
    values.every((value, at) => at === 0 || value > (values[at - 1] ?? 0));
  demand(indexes.length === 10 && grows([first, ...indexes]), `indexes do not grow: ${indexes.join(", ")}`);
  demand(grows(tickets), `tickets do not grow: ${tickets.join(", ")}`);
  demandEqual(bus.lastIndex, indexes.at(-1), "lastIndex");
};

const REWIND: Play = ({ bus }) => {
  const cursor = bus.subscribe();
  publish(bus, change("/a", 1), change("/b", 2), change("/c", 3));
  const first = batchOf(cursor, 1);
  const second = batchOf(cursor, 2);
  cursor.commit(first);
  demandEqual([cursor.committedIndex, cursor.backlog], [first.indexes[0], 2], "index and backlog after the commit");
  cursor.rewind();
  const again = batchOf(cursor);
  demandEqual([again.ticket, again.indexes], [second.ticket, second.indexes], "the batch that comes again");
  cursor.commit(again);
  demandEqual([cursor.backlog, cursor.isEmpty], [0, true], "backlog and emptiness at the end");
};

const READABLE: Play = async ({ bus }) => {
  const cursor = bus.subscribe();
  const [end, other] = [new AbortController(), new AbortController()];
  const waiting = cursor.readable(end.signal);
  publish(bus, change("/a", 1));
  await soon(waiting, "readable, after a change");
  batchOf(cursor);
  const aborted = cursor.readable(other.signal);
  other.abort();
  await soon(aborted, "readable, after its signal aborted");
  const feed = cursor.readable(end.signal);
  bus.setFeed({ state: "failed", reason: "it broke", failures: 1 });
  await soon(feed, "readable, after the feed changed");
  demandEqual(cursor.feed, { state: "failed", reason: "it broke", failures: 1 }, "the feed that a cursor sees");
};

const LOSS: Play = ({ bus }) => {
  const cursors = [bus.subscribe(), bus.subscribe()];
  bus.reportLoss("the queue was full");
  for (const cursor of cursors) {
    const taken = cursor.take(MOST, MOST);
    demandEqual([taken?.kind, cursor.take(MOST, MOST)], ["lost", undefined], "what a loss is handed out as, and then");
  }
};

/** Every key is one of the changes or the cursor says that something is missing; and the other cursor has them all. */
const LAGGARD: Play = ({ bus }) => {
  const [slow, fast] = [bus.subscribe(), bus.subscribe()];
  const newest = new Map<string, number>();
  for (let n = 0; n < 2_000; n++) {
    const key = `/${n % 700}`;
    publish(bus, change(key, n));
    newest.set(key, n);
    const batch = batchOf(fast);
    demandEqual(batch.changes[0]?.sequence, n, "the change of the cursor that keeps up");
    fast.commit(batch);
  }
  const seen = new Map<string, number>();
  let isWhole = true;
  for (let taken = slow.take(MOST, MOST); taken !== undefined; taken = slow.take(MOST, MOST)) {
    if (taken.kind !== "batch") isWhole = false;
    else for (const { key, sequence } of taken.changes) seen.set(key, sequence);
  }
  demand(!isWhole || newest.size === seen.size, "the slow cursor lacks keys and does not say so");
  for (const [key, sequence] of isWhole ? newest : [])
    demandEqual(seen.get(key), sequence, `the newest change of ${key}`);
};

const OPENS_ONCE: Play = ({ bus, opened }) => {
  const [first, second] = [bus.subscribe(), bus.subscribe()];
  demandEqual(first.start(-1), { positionLost: false }, "the answer to the first start");
  publish(bus, change("/a", 1));
  demandEqual(second.start(-1).positionLost, true, "positionLost of a cursor that joins a stream that is further");
  demandEqual(opened, [[-1, undefined]], "how the feed was opened");
};

const POSITIONS: Play = ({ bus }) => {
  demandEqual(bus.lastPosition, undefined, "the position before any");
  bus.beginsAt("p0");
  const cursor = bus.subscribe();
  publish(bus, change("/a", 1), change("/b", 2, "p1"));
  demandEqual(bus.lastPosition, "p1", "the newest position");
  demandEqual(batchOf(cursor).position, "p1", "the position of the batch");
};

const SETTLED: Play = ({ bus, settled }) => {
  const [one, other] = [bus.subscribe(), bus.subscribe()];
  publish(bus, change("/a", 1), change("/b", 2));
  one.commit(batchOf(one));
  demandEqual(settled, [], "what is settled while one receiver lacks it");
  other.commit(batchOf(other));
  demandEqual(settled, ["/b"], "what is settled once both have it");
};

const STATUS: Play = ({ bus }) => {
  const cursor = bus.subscribe();
  publish(bus, change("/a", 1));
  const { subscribers, heldChanges, lastIndex } = bus.status();
  demandEqual([subscribers, heldChanges, lastIndex], [1, 1, bus.lastIndex], "subscribers, held changes and last index");
  cursor.close();
  demandEqual(bus.status().subscribers, 0, "subscribers after the cursor was closed");
};

const RULES: readonly (readonly [name: string, play: Play])[] = [
  ["hands out changes in the order of arrival, to every cursor", ORDER],
  ["gives a cursor what is published after it was made", LATER],
  ["numbers changes and batches, growing, and heeds the bound of a batch", INDEXES],
  ["hands out again, in the same batches, what was not committed", REWIND],
  ["wakes a cursor for a change, for its signal and for the state of the feed", READABLE],
  ["tells every cursor of a loss, once", LOSS],
  ["never lets a slow cursor hold up another one, nor lose a change unsaid", LAGGARD],
  ["opens the feed for the first cursor alone", OPENS_ONCE],
  ["knows the newest position of the source's own", POSITIONS],
  ["says what every receiver has accepted", SETTLED],
  ["counts cursors and what they hold", STATUS],
];

/** Small enough that a slow cursor goes beyond it. */
const LIMITS: EventBusSettings["limits"] = { maxChanges: 500, maxBytes: 10_000_000 };

export const eventBusChecks = (create: CreateEventBus): readonly ContractCheck[] =>
  RULES.map(([name, play]) => ({
    name,
    run: async () => {
      const settled: string[] = [];
      const opened: unknown[] = [];
      const bus = create({
        limits: LIMITS,
        clock: { now: () => performance.now(), wallClock: () => Date.now() },
        openFeed: (...asked) => {
          opened.push(asked);
          bus.setFeed({ state: "live" });
          return { positionLost: false };
        },
        onSettled: ({ key }) => settled.push(key),
      });
      await play({ bus, settled, opened });
    },
  }));
