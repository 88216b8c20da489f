import { describe, expect, it } from "vitest";
import { endsWithin, sleep } from "../../../src/bus/bus-clock.ts";
import { VirtualClock } from "../../support/virtual-clock.ts";

/** An abort signal that knows how many listen. */
function listened() {
  const controller = new AbortController();
  const { signal } = controller;
  let listeners = 0;
  const { addEventListener, removeEventListener } = signal;
  signal.addEventListener = (...args: unknown[]) => {
    listeners++;
    Reflect.apply(addEventListener, signal, args);
  };
  signal.removeEventListener = (...args: unknown[]) => {
    listeners--;
    Reflect.apply(removeEventListener, signal, args);
  };
  return { controller, signal, listeners: () => listeners };
}

describe("a sleep", () => {
  it("is over after its time, or at once with an abort, and leaves neither timer nor listener", async () => {
    for (const how of ["time", "abort"] as const) {
      const clock = new VirtualClock(() => 0);
      const { controller, signal, listeners } = listened();
      let over = false;
      void sleep(clock, 100, signal).then(() => {
        over = true;
      });
      await clock.passTo(99);
      expect([over, listeners(), clock.pending]).toEqual([false, 1, 1]);
      if (how === "abort") controller.abort();
      await clock.passTo(how === "abort" ? 99 : 100);
      expect([over, listeners(), clock.pending], how).toEqual([true, 0, 0]);
    }
  });

  it("does not begin when the abort came before", async () => {
    const clock = new VirtualClock(() => 0);
    await sleep(clock, 100, AbortSignal.abort());
    expect(clock.pending).toBe(0);
  });
});

describe("a promise with a bound", () => {
  it("ends in time or not, and leaves no timer", async () => {
    const clock = new VirtualClock(() => 0);
    expect(await endsWithin(clock, 100, Promise.resolve(7))).toBe(true);
    expect(clock.pending).toBe(0);
    const late = endsWithin(clock, 100, new Promise(() => undefined));
    await clock.passTo(100);
    expect([await late, clock.pending]).toEqual([false, 0]);
    await expect(endsWithin(clock, 100, Promise.reject(new Error("no")))).rejects.toThrow("no");
    expect(clock.pending).toBe(0);
  });
});
