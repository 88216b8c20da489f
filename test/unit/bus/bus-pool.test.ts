import { describe, expect, it } from "vitest";
import { BusPool } from "../../../src/bus/bus-pool.ts";
import { type CallOptions, FustorError, silentLogger } from "../../../src/sdk/index.ts";
import { FakeSource } from "../../support/fake-source.ts";

const clock = {
  now: () => performance.now(),
  wallClock: () => Date.now(),
  random: () => 0.5,
  setTimer: (delayMs: number, callback: () => void) => {
    const timer = setTimeout(callback, delayMs);
    return () => clearTimeout(timer);
  },
};
const limits = { maxChanges: 100, maxBytes: 1e6 };

class BrokenSource extends FakeSource {
  override async open(): Promise<void> {
    throw new FustorError("FUSTOR_CONFIG_INVALID", "contradicts itself");
  }
}

function makePool(make: () => FakeSource = () => new FakeSource()): {
  pool: BusPool;
  made: FakeSource[];
  create: () => FakeSource;
} {
  const made: FakeSource[] = [];
  const create = (): FakeSource => {
    const source = make();
    made.push(source);
    return source;
  };
  return { pool: new BusPool(clock, silentLogger), made, create };
}

describe("a pool of buses", () => {
  it("opens one source for pipes with one signature, also when they ask at once", async () => {
    const { pool, made, create } = makePool();
    const [first, second] = await Promise.all([pool.acquire("x", create, limits), pool.acquire("x", create, limits)]);
    expect(made).toHaveLength(1);
    expect(made[0]?.opens).toBe(1);
    expect(first.source).toBe(second.source);
    expect(first.bus).not.toBe(second.bus);
  });

  it("opens one source per signature", async () => {
    const { pool, made, create } = makePool();
    await Promise.all([pool.acquire("x", create, limits), pool.acquire("y", create, limits)]);
    expect(made).toHaveLength(2);
  });

  it("keeps a held source open while its last lease is exchanged for another, and closes it with both", async () => {
    const { pool, made, create } = makePool();
    const first = await pool.acquire("x", create, limits);
    const letGo = pool.hold("x");
    await first.release();
    expect(made[0]?.closes).toBe(0);
    const second = await pool.acquire("x", create, limits);
    expect(second.source).toBe(first.source);
    await Promise.all([letGo(), letGo()]);
    expect(made[0]?.closes).toBe(0);
    await second.release();
    expect(made.map(({ closes }) => closes)).toEqual([1]);
  });

  it("holds nothing where nothing is open", async () => {
    const { pool, made, create } = makePool();
    const letGo = pool.hold("x");
    const lease = await pool.acquire("x", create, limits);
    await letGo();
    expect(made[0]?.closes).toBe(0);
    await lease.release();
    expect(made[0]?.closes).toBe(1);
  });

  it("closes the source with its last lease, once, however often leases are released", async () => {
    const { pool, made, create } = makePool();
    const first = await pool.acquire("x", create, limits);
    const second = await pool.acquire("x", create, limits);
    await Promise.all([first.release(), first.release()]);
    expect(made[0]?.closes).toBe(0);
    expect(second.busStatus().subscribers).toBe(1);
    await second.release();
    expect(made[0]?.closes).toBe(1);
  });

  it("opens a new source only after the old one with its signature is closed", async () => {
    const { pool, made, create } = makePool();
    const first = await pool.acquire("x", create, limits);
    const closing = first.release();
    const second = await pool.acquire(
      "x",
      () => {
        expect(made[0]?.closes).toBe(1);
        return create();
      },
      limits,
    );
    await closing;
    expect(second.source).not.toBe(first.source);
  });

  it("tells everybody who waited when a source does not open, and tries a new one next time", async () => {
    const { pool, made, create } = makePool(() => (made.length === 0 ? new BrokenSource() : new FakeSource()));
    const results = await Promise.allSettled([pool.acquire("x", create, limits), pool.acquire("x", create, limits)]);
    expect(results.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
    expect(made[0]?.closes).toBe(1);
    await expect(pool.acquire("x", create, limits)).resolves.toMatchObject({ source: made[1] });
  });

  it("tells a pipe that joins later that a position before it is lost", async () => {
    const { pool, create } = makePool(() => new FakeSource({ keepsHistory: true }));
    const first = await pool.acquire("x", create, limits);
    expect(first.bus.start(5)).toEqual({ positionLost: false });
    const second = await pool.acquire("x", create, limits);
    expect(second.bus.start(5)).toEqual({ positionLost: true });
    await Promise.all([first.release(), second.release()]);
  });

  it("wraps what a source throws that does not open, unless it is an error of ours", async () => {
    class Torn extends FakeSource {
      override async open(): Promise<void> {
        throw new Error("torn");
      }
    }
    const torn = makePool(() => new Torn());
    await expect(torn.pool.acquire("x", torn.create, limits)).rejects.toMatchObject({ code: "FUSTOR_INTERNAL" });
    const broken = makePool(() => new BrokenSource());
    await expect(broken.pool.acquire("x", broken.create, limits)).rejects.toMatchObject({
      code: "FUSTOR_CONFIG_INVALID",
      message: "contradicts itself",
    });
  });

  it("lets a source come to rest once for all its pipes", async () => {
    let freezes = 0;
    class Freezing extends FakeSource {
      freeze = async (): Promise<string> => `position ${++freezes}`;
    }
    const { pool, create } = makePool(() => new Freezing());
    const leases = await Promise.all(["x", "x"].map((signature) => pool.acquire(signature, create, limits)));
    expect(await Promise.all(leases.map((lease) => lease.freeze()))).toEqual(["position 1", "position 1"]);
    const plain = makePool();
    const lease = await plain.pool.acquire("x", plain.create, limits);
    expect(await lease.freeze()).toBeUndefined();
  });

  it("keeps directories only for a source that can read them again, and last states only where they are enough", async () => {
    const more = { maxChanges: 2, maxBytes: 1e6, maxCoalesced: 4 };
    const overrun = async (make: () => FakeSource): Promise<unknown> => {
      const { pool, made, create } = makePool(make);
      const lease = await pool.acquire("x", create, more);
      lease.bus.start(0);
      for (let i = 0; i < 9; i++) made[0]?.write(`/f${i}`, 1);
      while (lease.busStatus().overflows === 0 || lease.bus.isEmpty)
        await lease.bus.readable(AbortSignal.timeout(20_000));
      const taken = lease.bus.take(1, 1e9);
      await lease.release();
      return taken;
    };
    class EachCounts extends FakeSource {
      readonly lastStateIsEnough = false;
    }
    expect(await overrun(() => new FakeSource({ rescans: true }))).toMatchObject({ kind: "dirty" });
    expect(await overrun(() => new FakeSource())).toMatchObject({ kind: "lost", reason: /distinct/ });
    expect(await overrun(() => new EachCounts({ rescans: true }))).toMatchObject({ kind: "lost", reason: /counts/ });
  });

  it("closes a source whose stream has ended, after it was told to open nothing more", async () => {
    const order: string[] = [];
    class Told extends FakeSource {
      override async open(call?: CallOptions): Promise<void> {
        call?.signal?.addEventListener("abort", () => order.push("aborted"));
      }
      override getMessageIterator(...args: Parameters<FakeSource["getMessageIterator"]>) {
        const stream = super.getMessageIterator(...args);
        async function* batches() {
          try {
            yield* stream.batches;
          } finally {
            await new Promise((resolve) => setImmediate(resolve));
            order.push("stream over");
          }
        }
        return { ...stream, batches: batches() };
      }
      override async close(): Promise<void> {
        order.push("closed");
      }
    }
    const { pool, create } = makePool(() => new Told());
    const lease = await pool.acquire("x", create, limits);
    lease.bus.start(0);
    await lease.release();
    expect(order).toEqual(["aborted", "stream over", "closed"]);
  });
});
