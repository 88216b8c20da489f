import { expect, test } from "vitest";
import { rotatingLimits, SweepPace } from "../../../../../src/sources/fs/sweep/sweep-pace.ts";

const NONE = { entriesPerSecond: 0, bytesPerSecond: 0 };

test("what takes longer counts: entries or bytes, and waiting is no debt for later", () => {
  let now = 0;
  const pace = new SweepPace({ entriesPerSecond: 1000, bytesPerSecond: 1_000_000 }, () => now);
  expect(pace.charge(100, 0)).toBe(100);
  expect(pace.charge(100, 500_000)).toBe(600);
  now = 10_000;
  expect(pace.charge(1, 0)).toBe(1);
  expect(new SweepPace(NONE, () => now).charge(1e9, 1e12)).toBe(0);
});

test("a sweep that begins by itself takes four fifths of its interval, and is never faster than the limits", () => {
  const day = 24 * 3_600_000;
  expect(rotatingLimits(NONE, 691_200, day).entriesPerSecond).toBeCloseTo(10);
  expect(rotatingLimits({ ...NONE, entriesPerSecond: 5 }, 691_200, day).entriesPerSecond).toBe(5);
  expect(rotatingLimits({ ...NONE, bytesPerSecond: 7 }, 0, day)).toEqual({ entriesPerSecond: 1, bytesPerSecond: 7 });
});
