import { describe, expect, it } from "vitest";
import { BusPump } from "../../../src/bus/bus-pump.ts";
import { ChainBus } from "../../../src/bus/chain-bus.ts";
import { type ChangeBatch, type MessageStream, type SourceDriver, silentLogger } from "../../../src/sdk/index.ts";
import { written } from "../../support/changes.ts";
import { VirtualClock } from "../../support/virtual-clock.ts";

const batch = (key: string): ChangeBatch => ({ changes: [written(key)], sizeBytes: 10, lagMs: 0 });

/** What a stream does when it is opened; the signal is the pump's. */
type Opening = (signal: AbortSignal) => MessageStream;

const ends =
  (positionLost: boolean, ...keys: string[]): Opening =>
  () => ({
    positionLost,
    batches: (async function* () {
      for (const key of keys) yield batch(key);
    })(),
  });
const fails: Opening = () => {
  throw new Error("not now");
};
const breaks: Opening = () => ({
  positionLost: false,
  // biome-ignore lint/correctness/useYield: it fails before anything comes
  batches: (async function* (): AsyncGenerator<ChangeBatch> {
    throw new Error("torn");
  })(),
});
const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => signal.addEventListener("abort", () => resolve()));
const lasts: Opening = (signal) => ({
  positionLost: false,
  batches: (async function* () {
    await aborted(signal);
    yield batch("/after the end");
  })(),
});

/** A pump whose source opens its stream like this, one time after the other, and then for good. */
const pumped = (...openings: readonly Opening[]) => pumpedBy(() => 0, openings);

function pumpedBy(dice: () => number, openings: readonly Opening[]) {
  const clock = new VirtualClock(dice);
  const left = [...openings];
  const opened: { readonly at: number; readonly position: number }[] = [];
  const source = {
    getMessageIterator: (position: number, { signal }: { signal: AbortSignal }) => {
      opened.push({ at: clock.now(), position });
      return (left.shift() ?? lasts)(signal);
    },
  } as unknown as SourceDriver;
  const bus = new ChainBus({ maxChanges: 100, maxBytes: 1e6 }, clock);
  const cursor = bus.subscribe();
  const pump = new BusPump({ source, clock, logger: silentLogger, backoff: { firstMs: 200, maxMs: 1000 } });
  const taken = (): string[] => {
    const found: string[] = [];
    for (let next = cursor.take(9, 1e9); next !== undefined; next = cursor.take(9, 1e9))
      found.push(...(next.kind === "batch" ? next.changes.map(({ key }) => key) : [next.kind]));
    return found;
  };
  return { clock, bus, pump, opened, taken };
}

describe("a pump", () => {
  it("says whether the position is lost: when the source says so, and when its stream does not open", () => {
    for (const [opening, positionLost] of [
      ...([[ends(false), false] as const, [ends(true), true], [fails, true], [breaks, false]] as const),
    ]) {
      const { bus, pump } = pumped(opening);
      expect(pump.start(bus, 7)).toEqual({ positionLost });
    }
  });

  it("opens the stream again from the last index, later each time while nothing comes, and soon again after a change", async () => {
    const { clock, bus, pump, opened, taken } = pumped(
      breaks,
      fails,
      ends(false),
      ends(false),
      ends(false, "/a"),
      fails,
    );
    pump.start(bus, 7);
    await clock.passTo(3000);
    // The dice give the shortest pause: half of 200, 400, 800 and of the most, 1000.
    expect(opened.map(({ at }) => at)).toEqual([0, 100, 300, 700, 1200, 1300, 1500]);
    expect(opened.slice(0, 2).map(({ position }) => position)).toEqual([7, 0]);
    expect(opened.at(-1)?.position).toBe(bus.lastIndex);
    expect([taken(), bus.feed]).toEqual([["/a"], { state: "live" }]);
    await pump.stop();
  });

  it("goes on with a bus that fails, and says a loss once the bus takes it", async () => {
    const { clock, bus, pump, taken } = pumped(ends(false, "/a"), ends(true, "/b"), ends(false), lasts);
    const says: string[] = [];
    let calls = 0;
    const failing = new Proxy(bus, {
      get: (target, key) => {
        const member: unknown = Reflect.get(target, key, target);
        if (typeof member !== "function") return member;
        return (...given: unknown[]): unknown => {
          says.push(String(key));
          // The first loss that it is told of, and each stream that failed.
          const isFailedFeed = key === "setFeed" && (given[0] as { state: string }).state === "failed";
          if (isFailedFeed || (key === "reportLoss" && calls++ === 0)) throw new Error("no paper");
          return Reflect.apply(member, target, given);
        };
      },
    });
    pump.start(failing, 7);
    await clock.passTo(3000);
    expect(says.filter((each) => each === "reportLoss")).toHaveLength(2);
    expect(taken()).toEqual(["lost", "/a"]);
    await pump.stop();
  });

  it("opens the stream again the later the more the dice want it", async () => {
    const { clock, bus, pump, opened } = pumpedBy(() => 0.5, [fails, fails]);
    pump.start(bus, 7);
    await clock.passTo(1000);
    expect(opened.map(({ at }) => at)).toEqual([0, 150, 450]);
    await pump.stop();
  });

  it("tells why the stream is down, and how often it was in a row", async () => {
    const { clock, bus, pump } = pumped(ends(false), breaks, fails);
    pump.start(bus, 7);
    await clock.passTo(99);
    expect(bus.feed).toEqual({ state: "failed", reason: "it ended without a reason", failures: 1 });
    await clock.passTo(299);
    expect(bus.feed).toEqual({ state: "failed", reason: "torn", failures: 2 });
    await clock.passTo(699);
    expect(bus.feed).toEqual({ state: "failed", reason: "not now", failures: 3 });
    await pump.stop();
  });

  it("reports a loss when a stream that opens again has lost the position, not for the first one", async () => {
    for (const [first, second, expected] of [
      [ends(true, "/a"), ends(false, "/b"), ["/a", "/b"]],
      [ends(false, "/a"), ends(true, "/b"), ["/a", "lost", "/b"]],
      [fails, ends(true, "/b"), ["lost", "/b"]],
    ] as const) {
      const { clock, bus, pump, taken } = pumped(first, second);
      pump.start(bus, 7);
      await clock.passTo(50);
      const before = taken();
      await clock.passTo(250);
      expect([...before, ...taken()]).toEqual(expected);
      await pump.stop();
    }
  });

  it("that is stopped publishes nothing more, opens nothing more, and is quiet when it has stopped", async () => {
    const live = pumped(lasts);
    live.pump.start(live.bus, 7);
    await live.clock.passTo(10);
    await live.pump.stop();
    await live.clock.passTo(10_000);
    expect([live.taken(), live.opened.length, live.bus.feed]).toEqual([[], 1, { state: "live" }]);
    const paused = pumped(fails);
    paused.pump.start(paused.bus, 7);
    await paused.clock.passTo(10);
    await paused.pump.stop();
    await paused.clock.passTo(10_000);
    expect([paused.opened.length, paused.bus.feed.state]).toEqual([1, "failed"]);
  });

  it("has stopped only when the source's stream has ended", async () => {
    let isOver = false;
    const { clock, bus, pump } = pumped((signal) => ({
      positionLost: false,
      batches: (async function* (): AsyncGenerator<ChangeBatch> {
        try {
          await aborted(signal);
          yield batch("/late");
        } finally {
          await new Promise((resolve) => setImmediate(resolve));
          isOver = true;
        }
      })(),
    }));
    pump.start(bus, 7);
    await clock.passTo(10);
    await pump.stop();
    expect(isOver).toBe(true);
  });
});
