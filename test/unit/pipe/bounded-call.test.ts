import { getEventListeners } from "node:events";
import { describe, expect, it } from "vitest";
import { boundedCall, LateCall, linkedTo, Pause, unlessAborted } from "../../../src/pipe/bounded-call.ts";
import { ended } from "../../support/turns.ts";
import { VirtualClock } from "../../support/virtual-clock.ts";

const NEVER = new Promise<never>(() => undefined);
const listeners = (signal: AbortSignal): number => getEventListeners(signal, "abort").length;

describe("a promise that is not waited for after an abort", () => {
  it("settles as it would, and leaves no listener", async () => {
    const { signal } = new AbortController();
    expect(await ended(unlessAborted(signal, Promise.resolve(5)))).toBe(5);
    await expect(ended(unlessAborted(signal, Promise.reject(new Error("no"))))).rejects.toThrow("no");
    await ended(Promise.resolve());
    expect(listeners(signal)).toBe(0);
  });

  it("is rejected at the abort, or at once after one", async () => {
    const stop = new AbortController();
    const waiting = ended(unlessAborted(stop.signal, NEVER));
    stop.abort();
    await expect(waiting).rejects.toMatchObject({ code: "FUSTOR_ABORTED" });
    await expect(ended(unlessAborted(stop.signal, NEVER))).rejects.toMatchObject({ code: "FUSTOR_ABORTED" });
  });
});

describe("a linked signal", () => {
  it("aborts with the one that it is linked to, as long as it is used", async () => {
    const stop = new AbortController();
    let used: AbortSignal | undefined;
    const use = ended(
      linkedTo(stop.signal, ({ signal }) => {
        used = signal;
        return unlessAborted(signal, NEVER);
      }),
    );
    expect([used?.aborted, listeners(stop.signal)]).toEqual([false, 1]);
    stop.abort();
    await expect(use).rejects.toMatchObject({ code: "FUSTOR_ABORTED" });
    expect([used?.aborted, listeners(stop.signal)]).toEqual([true, 0]);
  });

  it("is aborted from the beginning when the other one is", async () => {
    expect(await linkedTo(AbortSignal.abort(), async ({ signal }) => signal.aborted)).toBe(true);
  });

  it("does not abort the one that it is linked to", async () => {
    const stop = new AbortController();
    await linkedTo(stop.signal, async (linked) => linked.abort());
    expect([stop.signal.aborted, listeners(stop.signal)]).toEqual([false, 0]);
  });
});

describe("a pause", () => {
  const paused = async (end: (pause: Pause, stop: AbortController) => void): Promise<number> => {
    const clock = new VirtualClock(() => 0);
    const pause = new Pause();
    const stop = new AbortController();
    let over = -1;
    const sleep = pause.sleep(clock, 100, stop.signal).then(() => {
      over = clock.now();
    });
    await clock.passTo(30);
    end(pause, stop);
    await clock.passTo(200);
    await ended(sleep);
    expect(clock.pending).toBe(0);
    return over;
  };

  it("takes its time, or ends when it is cut short or the signal aborts", async () => {
    expect(await paused(() => undefined)).toBe(100);
    expect(await paused((pause) => pause.cutShort())).toBe(30);
    expect(await paused((_, stop) => stop.abort())).toBe(30);
  });

  it("that is over is not cut short, nor is the next one", async () => {
    const clock = new VirtualClock(() => 0);
    const pause = new Pause();
    pause.cutShort();
    let isOver = false;
    const sleep = pause.sleep(clock, 10, new AbortController().signal).then(() => {
      isOver = true;
    });
    await clock.passTo(5);
    expect(isOver).toBe(false);
    await clock.passTo(10);
    await ended(sleep);
  });
});

describe("a bounded call", () => {
  it("gives what the call gives, and leaves no timer", async () => {
    const clock = new VirtualClock(() => 0);
    const { signal } = new AbortController();
    expect(await ended(boundedCall(clock, { boundMs: 10, signal }, async () => 5))).toBe(5);
    const failing = boundedCall(clock, { boundMs: 10, signal }, () => Promise.reject(new Error("no")));
    await expect(ended(failing)).rejects.toThrow("no");
    expect([clock.pending, listeners(signal)]).toEqual([0, 0]);
  });

  it("is late after its time, whether the call heeds its signal or not", async () => {
    for (const heeds of [true, false]) {
      const clock = new VirtualClock(() => 0);
      const { signal } = new AbortController();
      let given: AbortSignal | undefined;
      const call = boundedCall(clock, { boundMs: 10.4, signal }, (bound) => {
        given = bound;
        return heeds ? unlessAborted(bound, NEVER) : NEVER;
      }).catch((error: unknown) => error);
      await clock.passTo(10);
      expect(given?.aborted).toBe(false);
      await clock.passTo(11);
      const error = await ended(call);
      expect(error).toBeInstanceOf(LateCall);
      expect(error).toMatchObject({
        code: "FUSTOR_SENDER_UNREACHABLE",
        message: "no answer within 10 ms",
        retryable: true,
      });
      expect(given?.aborted).toBe(true);
    }
  });

  it("is given up with the signal, which is no lateness", async () => {
    const clock = new VirtualClock(() => 0);
    const stop = new AbortController();
    const call = ended(boundedCall(clock, { boundMs: 10, signal: stop.signal }, () => NEVER));
    stop.abort();
    await expect(call).rejects.toMatchObject({ code: "FUSTOR_ABORTED" });
    expect(clock.pending).toBe(0);
  });
});
