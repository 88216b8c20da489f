import { expect, test } from "vitest";
import { rotatingLimits, SweepPace } from "../../../../../src/sources/fs/sweep/sweep-pace.ts";

const NONE = { entriesPerSecond: 0, bytesPerSecond: 0, cpuPercent: 0 };
const IDLE = { looks: 0, readBytes: 0, cpuMs: 0 };

test("what takes longest counts: entries, bytes or the processor, and waiting is no debt for later", () => {
  let now = 0;
  const pace = new SweepPace({ entriesPerSecond: 1000, bytesPerSecond: 1_000_000, cpuPercent: 50 }, () => now);
  expect(pace.charge({ ...IDLE, looks: 100 }, 0)).toBe(100);
  expect(pace.charge({ ...IDLE, looks: 100, readBytes: 500_000 }, 0)).toBe(600);
  now = 10_000;
  expect(pace.charge({ ...IDLE, looks: 1 }, now)).toBe(1);
  now = 20_000;
  expect(pace.charge({ ...IDLE, looks: 1, cpuMs: 50 }, now)).toBe(100);
  const most = { looks: 1e9, readBytes: 1e12, cpuMs: 1e9 };
  expect(new SweepPace(NONE, () => now).charge(most, now)).toBe(0);
});

test("the time of a task is part of its price, also when several workers share the pace", () => {
  let now = 50;
  const pace = new SweepPace({ ...NONE, cpuPercent: 50 }, () => now);
  const task = { ...IDLE, cpuMs: 50 };
  expect(pace.charge(task, now)).toBe(100);
  now = 200;
  expect(pace.charge(task, 150)).toBe(50);
  expect(pace.charge(task, 150)).toBe(150);
});

test("a sweep that begins by itself takes four fifths of its interval, and is never faster than the limits", () => {
  const day = 24 * 3_600_000;
  expect(rotatingLimits(NONE, 691_200, day).entriesPerSecond).toBeCloseTo(10);
  expect(rotatingLimits({ ...NONE, entriesPerSecond: 5 }, 691_200, day).entriesPerSecond).toBe(5);
  expect(rotatingLimits({ ...NONE, bytesPerSecond: 7 }, 0, day)).toEqual({
    ...NONE,
    entriesPerSecond: 1,
    bytesPerSecond: 7,
  });
});
