import { expect, test } from "vitest";
import { BulkGate } from "../../../../src/pipe/send/bulk-gate.ts";

function gateOf(pauseLagMs = 500) {
  let now = 0;
  let timer: { at: number; run: () => void } | undefined;
  let opened = 0;
  const ambience = {
    now: () => now,
    setTimer: (ms: number, run: () => void) => {
      timer = { at: now + ms, run };
      return () => {
        timer = undefined;
      };
    },
  };
  const gate = new BulkGate(pauseLagMs, ambience, () => opened++);
  const advance = (ms: number): void => {
    now += ms;
    if (timer === undefined || timer.at > now) return;
    const { run } = timer;
    timer = undefined;
    run();
  };
  return { gate, advance, opened: () => opened, hasTimer: () => timer !== undefined };
}

test("rows in bulk wait from the moment live changes are late until they are clearly in time", () => {
  const { gate, hasTimer } = gateOf();
  gate.note(500);
  expect(gate.mayPass()).toBe(true);
  gate.note(501);
  expect(gate.mayPass()).toBe(false);
  gate.note(300);
  expect(gate.mayPass()).toBe(false);
  gate.note(250);
  expect(gate.mayPass()).toBe(false);
  gate.note(249);
  expect([gate.mayPass(), hasTimer()]).toEqual([true, false]);
});

test("a lag of a moment ago is forgotten when no live change follows, and who waits is told", () => {
  const { gate, advance, opened } = gateOf();
  gate.note(2000);
  expect(gate.mayPass()).toBe(false);
  advance(999);
  expect([gate.mayPass(), opened()]).toEqual([false, 0]);
  advance(1);
  expect([gate.mayPass(), opened(), gate.isPaused]).toEqual([true, 1, false]);
});

test("whoever waits is told in time, each time, also when they asked late", () => {
  const { gate, advance, opened, hasTimer } = gateOf();
  for (const times of [1, 2]) {
    gate.note(2000);
    advance(10);
    expect([gate.mayPass(), hasTimer()]).toEqual([false, true]);
    advance(989);
    expect(opened()).toBe(times - 1);
    advance(1);
    expect([opened(), gate.mayPass(), hasTimer()]).toEqual([times, true, false]);
  }
});

test("one parcel passes when five seconds are over, to the moment", () => {
  const { gate, advance } = gateOf();
  gate.note(2000);
  for (let i = 0; i < 49; i++) {
    advance(100);
    gate.note(2000);
    expect(gate.mayPass()).toBe(false);
  }
  advance(100);
  expect([gate.mayPass(), gate.mayPass()]).toEqual([true, false]);
});

test("under a stream that is late for ever one parcel passes every five seconds", () => {
  const { gate, advance } = gateOf();
  let passed = 0;
  for (let i = 0; i < 300; i++) {
    gate.note(10_000);
    if (gate.mayPass()) passed++;
    advance(100);
  }
  expect(passed).toBeGreaterThanOrEqual(5);
  expect(passed).toBeLessThanOrEqual(6);
});

test("0 means that nothing ever waits", () => {
  const { gate } = gateOf(0);
  gate.note(1e9);
  expect(gate.mayPass()).toBe(true);
});

test("closing leaves no timer behind", () => {
  const { gate, hasTimer } = gateOf();
  gate.note(1000);
  gate.mayPass();
  expect(hasTimer()).toBe(true);
  gate.close();
  expect(hasTimer()).toBe(false);
  gate.mayPass();
  expect(hasTimer(), "of one who asks again").toBe(true);
});
